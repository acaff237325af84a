"""Who may call what: one row for every route, one file for every slice."""
