"""What people say of papers: annotations, readers' marks, the papers they label. No Ray, no torch."""
