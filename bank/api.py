"""The slices' JSON blueprints, gathered."""

from bank.members.api import api as tokens
from bank.shop.api import api as shop

BLUEPRINTS = (tokens, shop)
