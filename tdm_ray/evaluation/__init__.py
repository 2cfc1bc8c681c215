"""Predictions held against gold: figures, calibration, reports."""
