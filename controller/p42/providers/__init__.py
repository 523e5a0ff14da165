"""Providers: one small file per vendor, over its own SDK, imported only when it is asked."""
