"""Prediction: from a model and an image to a label map, at several scales, mirrored, in tiles, from file to file."""
