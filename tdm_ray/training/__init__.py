"""All that learns from gold: index, matcher, training pairs, fine-tuning on Ray Train."""
