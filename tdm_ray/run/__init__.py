"""A run: read, classify, extract, commit; by this process or by a Ray cluster."""
