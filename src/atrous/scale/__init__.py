"""Prediction, evaluation and serving on many machines, by Ray."""
