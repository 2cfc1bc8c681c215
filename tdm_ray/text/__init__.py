"""What is read of a paper: clean text, sentences and passages, words, printed numbers. No Ray, no torch."""
