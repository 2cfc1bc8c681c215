"""What the nights have found: Delta Lake tables in a folder, here or in object storage."""
