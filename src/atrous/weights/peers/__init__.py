"""One file for each project whose networks are known: its names of layers beside ours, its ways as our configuration."""
