"""Programs that are agents: spoken to, paid for, and walled in."""
