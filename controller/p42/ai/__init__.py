"""AI: accounts and what they cost, talk and what is remembered, programs, tools, the forge."""
