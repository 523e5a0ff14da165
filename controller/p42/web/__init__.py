"""The HTTP door: a guarded loopback listener. Guard first, then routes."""
