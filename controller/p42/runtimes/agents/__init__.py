"""Programs that are agents, as processes: their place, their pipes, their end."""
