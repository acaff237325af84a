"""Thanks: a card that the one who helped keeps; it carries no points."""
