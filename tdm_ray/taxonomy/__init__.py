"""The known labels, and where they come from. No Ray, no torch."""
