"""The journal of calls and what is spent: on disk and by heart."""
