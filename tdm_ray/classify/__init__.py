"""WHICH leaderboards a paper reports: shortlist, features, cross-encoder, calibration, index."""
