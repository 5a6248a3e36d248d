"""The networks of the papers: DeepLabv3 (2017) and DeepLabv3+ (2018)."""
