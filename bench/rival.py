"""django-hordak 2.0 through its own models, on PostgreSQL, in a database of its own of the same cluster."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import make_url

from bench.field import ACCOUNTS, BATCH

TODAY = date(2026, 3, 2)


def set_up(url: str) -> None:
    """Start Django with hordak, persistent connections, no debugging, and nothing else that would cost time."""
    import django
    from django.conf import settings

    parts = make_url(url)
    settings.configure(
        DEBUG=False,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "mptt", "hordak"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.database,
                "USER": parts.username,
                "HOST": parts.host,
                "PORT": parts.port,
                "CONN_MAX_AGE": None,
            }
        },
        CURRENCIES=("EUR",),
        DEFAULT_CURRENCY="EUR",
    )
    django.setup()


def install(url: str) -> None:
    """Migrate the rival's database and open its accounts, with number 0 as the one that everybody is paid from."""
    set_up(url)
    from django.core.management import call_command
    from django.db import connection
    from hordak.models import Account

    call_command("migrate", verbosity=0)
    names = [
        Account(name=f"member {n}", code=f"{n}", type="LI", currencies=["EUR"], lft=1, rght=2, tree_id=n + 1, level=0)
        for n in range(ACCOUNTS)
    ]
    for first in range(0, ACCOUNTS, 1_000):
        Account.objects.bulk_create(names[first : first + 1_000])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE hordak_account")  # the empty tables are left alone, as in ours


def prepare(url: str) -> Callable[[str, int], Callable[[], int]]:
    """Return what makes one client's work; Django gives every thread its own connection."""
    set_up(url)
    from django.db import transaction
    from hordak.models import Account, Leg, Transaction
    from moneyed import Money

    accounts = list(Account.objects.order_by("tree_id"))
    five = Money(5, "EUR")

    def pair(is_hot: bool) -> tuple[Any, Any]:
        debit, credit = random.sample(accounts[1:], 2)
        return (accounts[0] if is_hot else debit), credit

    def make(kind: str, _number: int) -> Callable[[], int]:
        def many() -> int:
            with transaction.atomic():
                for _ in range(BATCH):
                    debit, credit = pair(False)
                    credit.transfer_to(debit, five, date=TODAY)
            return BATCH

        def bulk() -> int:
            # Past hordak's own verb and what its models check; its triggers in the database still do.
            with transaction.atomic():
                made = Transaction.objects.bulk_create([Transaction(date=TODAY) for _ in range(BATCH)])
                legs = []
                for one in made:
                    debit, credit = pair(False)
                    legs.append(Leg(transaction=one, account=credit, credit=five))
                    legs.append(Leg(transaction=one, account=debit, debit=five))
                Leg.objects.bulk_create(legs)
            return BATCH

        def one() -> int:
            debit, credit = pair(kind == "hot")
            with transaction.atomic():
                credit.transfer_to(debit, five, date=TODAY)
            return 1

        return {"batch": many, "bulk": bulk}.get(kind, one)

    return make


def check(url: str) -> None:
    """Fail where the rival's books do not balance; in a process of its own: `python -m bench.rival URL check`."""
    set_up(url)
    from django.db.models import Sum
    from hordak.models import Leg

    sums = Leg.objects.aggregate(credit=Sum("credit"), debit=Sum("debit"))
    if sums["credit"] != sums["debit"]:
        raise SystemExit(f"hordak does not balance: {sums}")


if __name__ == "__main__":
    import sys

    {"install": install, "check": check}[sys.argv[2]](sys.argv[1])
