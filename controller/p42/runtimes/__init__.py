"""Adapters to reality: time, files, processes, the lock of a home. Errors are translated here."""
