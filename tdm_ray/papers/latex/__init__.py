"""arXiv e-prints -> papers: unpack, flatten, split into parts, convert the parts, put them together."""
