"""Keys: where references to them lead, and how none of them gets out."""
