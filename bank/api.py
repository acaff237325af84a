"""The slices' JSON blueprints, gathered."""

from bank.members.api import api as tokens

BLUEPRINTS = (tokens,)
