"""What the engine costs, beside micrograd and PyTorch on the same work: `python -m benchmarks`."""
