"""The tables of both papers as experiments: rows are configurations, re-run on a user's own data."""
