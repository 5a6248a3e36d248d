"""The tables of DeepLabv3 (arXiv 1706.05587), one per file."""
