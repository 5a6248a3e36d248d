"""Layouts whose labels stand in files of annotation tools, tables or arrays rather than in mask pictures."""
