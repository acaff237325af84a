"""The slices' JSON blueprints, gathered."""

from bank.activities.api import api as activities
from bank.checkin.api import api as checkin
from bank.credits.api import api as notices
from bank.members.api import api as tokens
from bank.passbook.api import api as passbook
from bank.shop.api import api as shop

BLUEPRINTS = (tokens, activities, checkin, notices, shop, passbook)
