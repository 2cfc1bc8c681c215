"""The known labels, where they come from, and the gold that says which paper reports which. No Ray, no torch."""
