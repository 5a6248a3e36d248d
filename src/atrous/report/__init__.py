"""What people look at: label pictures, tables, plots, the one-file page. No torch; all that a user named is escaped."""
