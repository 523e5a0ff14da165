"""Doors that speak the Port 42 protocol: the TCP gateway and the control socket."""
