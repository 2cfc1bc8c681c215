"""What proves a prediction: its evidence. No Ray, no torch."""
