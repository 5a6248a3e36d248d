"""Weights of Keras in HDF5 files: the port of the official networks whose layers keep the official names."""
