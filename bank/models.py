"""Every table of the bank, gathered for migrations and tests."""

from bank.activities import models as activities
from bank.checkin import models as checkin
from bank.communities import models as communities
from bank.credits import models as credits_
from bank.deeds import models as deeds
from bank.giving import models as giving
from bank.members import models as members
from bank.rulebook import models as rulebook
from bank.services import models as services
from bank.sheets import models as sheets
from bank.shop import models as shop
from bank.spotchecks import models as spotchecks
from bank.thanks import models as thanks
from bank.vitals import models as vitals
from bank.web import models as web
from ledger import models as book
from ledger.base import Base

TABLES = (
    book,
    activities,
    checkin,
    communities,
    credits_,
    deeds,
    giving,
    members,
    rulebook,
    services,
    sheets,
    shop,
    spotchecks,
    thanks,
    vitals,
    web,
)
metadata = Base.metadata
