"""Data sets, transforms and the stream of training batches."""
