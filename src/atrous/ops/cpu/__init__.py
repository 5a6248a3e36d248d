"""Convolutions and threads that make a CPU quick."""
