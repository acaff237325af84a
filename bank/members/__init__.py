"""People and households, their roles and cards, and how they sign in."""
