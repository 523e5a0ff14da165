"""Words and rules: pure values, no I/O. Every other room imports from here."""
