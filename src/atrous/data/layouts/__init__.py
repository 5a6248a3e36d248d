"""Layouts of folders as people and their tools write them; each file here recognises one kind and pairs its files."""
