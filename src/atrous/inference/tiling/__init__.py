"""Prediction of large images tile by tile."""
