"""Readers: a paper of any supported format becomes a row of the papers table. No Ray, no torch."""
