"""Ranking, units, marks, exports, the printed table. No Ray, no torch."""
