"""state.db: the file, the thread that writes it, the tables in it."""
