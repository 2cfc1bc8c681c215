"""From a paper and a taxonomy to probabilities: shortlist, features, entailment, calibration. No Ray here."""
