"""The one place where results live: Delta Lake tables, snapshots, a lease, staging. No Ray, no torch."""
