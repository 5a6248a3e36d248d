"""The long versions of tests, which `make soak` runs."""

import os

SOAK = os.environ.get("ATROUS_SOAK") == "1"
