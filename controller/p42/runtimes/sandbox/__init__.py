"""Walls for programs: bubblewrap, Landlock, and which of them is here."""
