"""Ways to run a network for inference."""
