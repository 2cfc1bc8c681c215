"""Evaluation: predictions compared with gold, as figures, calibration and reports."""
