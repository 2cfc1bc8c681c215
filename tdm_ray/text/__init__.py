"""What the model reads of a paper: passages, DocTAET, evidence windows. No Ray, no torch."""
