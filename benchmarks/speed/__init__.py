"""Side by side in one run: other ways of scoring and ours, Ray and a bare loop, and how cost grows."""
