"""The model that runs on this machine."""
