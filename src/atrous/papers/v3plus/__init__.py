"""The tables of DeepLabv3+ (arXiv 1802.02611), one per file."""
