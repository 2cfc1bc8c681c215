"""Runs in which something dies: what they leave is compared with runs in which nothing did."""
