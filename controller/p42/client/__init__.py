"""The client's end of the control socket."""
