"""The command line: parse, ask the daemon or a library, print. Nothing is decided here."""
