"""What every page shares: the way in, errors, languages, limits, headers."""
