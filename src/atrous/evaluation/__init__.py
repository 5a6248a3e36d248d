"""Segmentation metrics of a model on a data set, always together with the protocol they were measured under."""
