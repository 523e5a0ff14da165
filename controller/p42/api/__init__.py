"""Verbs: what can be asked of p42, as one table. Doors only translate."""
