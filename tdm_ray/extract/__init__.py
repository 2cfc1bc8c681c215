"""The score of a predicted TDM and the cell or sentence that proves it. No Ray, no torch."""
