"""Leaderboards that nobody has listed: proposals from results without a label."""
