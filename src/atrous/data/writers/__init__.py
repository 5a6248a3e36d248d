"""Writing labelled images in the formats of annotation tools, one file per format."""
