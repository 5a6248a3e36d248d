"""File formats: images, TIFF, MATLAB, JSON, lists."""
