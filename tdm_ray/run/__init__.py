"""Every night: what is new is scored, what changed is refreshed, and nothing else is touched."""
