"""Label pictures, tables, plots and the one-file page. No torch; all that a user named is escaped."""
