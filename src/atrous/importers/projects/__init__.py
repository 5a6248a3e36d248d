"""One file for each known project: its names of layers beside ours, its ways as our configuration."""
