"""The slices' JSON blueprints, gathered."""

from bank.credits.api import api as notices
from bank.members.api import api as tokens

BLUEPRINTS = (tokens, notices)
