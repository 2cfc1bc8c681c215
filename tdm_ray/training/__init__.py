"""Training: all that learns from gold (index, calibrator, matcher, training pairs, fine-tuning)."""
