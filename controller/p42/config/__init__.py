"""Configuration: flags, then `P42_*`, then `config.toml`, then what p42 ships.

`home()` is on the path of every command and costs nothing; the rest is imported when asked for.
"""

from __future__ import annotations

from p42.config.homedir import home

TYPE_CHECKING = False  # what typing would say, without the 9 ms that importing it takes
if TYPE_CHECKING:
    from p42.config.settings import Item, Settings, load

__all__ = ["Item", "Settings", "home", "load"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'p42.config' has no attribute {name!r}")
    from p42.config import settings

    return getattr(settings, name)
