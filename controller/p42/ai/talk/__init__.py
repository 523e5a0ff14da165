"""Talk: what is said to agents and answered, and what they remember of it."""
