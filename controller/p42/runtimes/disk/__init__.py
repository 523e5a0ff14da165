"""Files on this machine's disk, followed, locked and written."""
