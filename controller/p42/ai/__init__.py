"""AI: accounts asked within their budgets; later conversations and the forge."""
