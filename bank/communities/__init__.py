"""The tree of places, and the rules each community lives by."""
