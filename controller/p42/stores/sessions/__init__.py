"""Conversations: sessions.db and its mirror in the original's shape."""
