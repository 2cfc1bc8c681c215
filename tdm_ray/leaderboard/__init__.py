"""Predictions -> ranked leaderboards, exports, a table to look at. No Ray, no torch."""
