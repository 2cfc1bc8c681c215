"""Gold: what people say of papers (annotations, readers' marks) and the papers labelled by it."""
