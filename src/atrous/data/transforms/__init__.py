"""Random transforms of labelled images."""
