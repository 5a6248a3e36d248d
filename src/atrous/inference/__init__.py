"""From a model and a picture to a label map: scales, flips, devices, files."""
