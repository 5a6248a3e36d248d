"""Weights: our own archive, the official TFLite files, and where to get them."""
