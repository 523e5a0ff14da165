"""What p42 remembers: one SQLite file under the home, and what each store keeps in it."""
