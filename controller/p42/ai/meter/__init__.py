"""Money: what calls cost, and the limits that hold before one is made."""
