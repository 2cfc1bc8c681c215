"""WHICH number is the result: candidates, scorer, reranker, confidence, evidence. No Ray, no torch."""
