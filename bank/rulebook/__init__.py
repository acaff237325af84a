"""The community's rules in plain words, and how they are changed by two people, never backwards."""
