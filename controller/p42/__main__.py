"""`python -m p42` is `p42`."""

from __future__ import annotations

from p42.cli.main import main

if __name__ == "__main__":
    main()
