"""p42: a declarative controller for one developer's AI workforce."""

__version__ = "0.1.0"
