"""The community's time bank, sliced by capability on top of the book."""
