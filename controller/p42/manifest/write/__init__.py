"""Writing status back: into the user's file without losing a byte of it, or beside it."""

from p42.manifest.write.writer import StatusWriter

__all__ = ["StatusWriter"]
