"""Accounts: whom to ask, when, with which key, and what became of it."""
