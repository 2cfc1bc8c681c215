"""Nights in which something dies: what they leave is held against nights in which nothing did."""
