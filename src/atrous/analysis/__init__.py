"""Properties of a model as numbers: multiply-adds, receptive and effective field, valid filter taps."""
