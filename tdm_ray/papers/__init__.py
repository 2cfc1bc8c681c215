"""Readers: whatever a paper comes in becomes a row of the papers table. No Ray, no torch."""
