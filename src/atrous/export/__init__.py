"""Exported models: files that other engines run, each compared with the model before it gets its name."""
