"""Text tools: cleaning, sentences and passages, words, printed numbers, premises. No Ray, no torch."""
