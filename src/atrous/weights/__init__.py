"""Files of weights: the archive of atrous, loading of any file that can be read, weights by name, and their cache."""
