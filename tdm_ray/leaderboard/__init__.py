"""Leaderboards from predictions: ranking, units, outliers, marks, exports, printing. No Ray, no torch."""
