"""Label maps from the formats that annotation tools write."""
