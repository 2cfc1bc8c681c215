"""The taxonomy: the known labels, where they come from, which way their metrics are better."""
