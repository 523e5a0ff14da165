"""Scripts: what a script is, and what one that a model wrote has to be before anybody sees it."""
