"""The forge: what a model wrote becomes a manifest, and nothing more."""
