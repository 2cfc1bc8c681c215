"""Fine-tuning the entailment model on gold."""
