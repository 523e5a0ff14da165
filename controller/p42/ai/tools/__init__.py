"""Tools: what agents may call."""
