"""Paper rosters: printed, filled in by hand, photographed, keyed in, and confirmed by a second person."""
