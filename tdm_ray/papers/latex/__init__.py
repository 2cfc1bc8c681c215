"""Reader of arXiv e-prints: unpack, flatten, split into parts, convert the parts, put them together."""
