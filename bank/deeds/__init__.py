"""Good deeds: told by the doer or by a neighbour."""
