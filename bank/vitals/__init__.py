"""How well the bank keeps its promises: the nightly figures, their public page, the forecast and the nudges."""
