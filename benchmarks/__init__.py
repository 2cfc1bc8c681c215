"""What is measured on a machine; run from a clone, as `python -m benchmarks.NAME`."""
