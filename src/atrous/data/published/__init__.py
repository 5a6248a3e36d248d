"""Public data sets, one file each, and where they are downloaded from."""
