"""REPL: `p42 possess @AGENT` on a terminal: a conversation, line by line."""
