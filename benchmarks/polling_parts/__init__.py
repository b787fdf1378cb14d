"""What benchmarks/polling.py is made of."""
