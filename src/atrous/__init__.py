"""atrous: DeepLabv3 and DeepLabv3+ for PyTorch."""
