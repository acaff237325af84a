"""Pure decisions of the shop: how long a voucher lives, what a typed code may be, when a month begins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from bank import chart
from bank.clock import local_day, month_after, start_of_day
from bank.communities.rules import Rules
from bank.errors import say
from bank.qr import ALPHABET, LONGEST_SCAN, fold

CODE_LENGTH = 8
FIRST_DAYS = 7
"""Of a month: every day of the week is once among them."""
_CODE = re.compile(rf"[{ALPHABET}]{{{CODE_LENGTH}}}\Z")
_LONG_NUMBER = re.compile(r"[0-9](?:[ -]?[0-9]){11,}")
_VOUCHER_LINK = re.compile(r"https?://[^/\s]+/v/([^/?#\s]+)", re.IGNORECASE)

NOT_THERE, TAKEN_BACK, STRUCK, CLOSED = "not_there", "taken_back", "struck", "closed"
END_REASONS: Mapping[str, str] = {
    NOT_THERE: say("货不够了"),
    "broken": say("东西坏了"),
    "absent": say("师傅今天做不了"),
    TAKEN_BACK: say("店员在柜台撤销了"),
    STRUCK: say("交付记错了，店家和社区两边核对后退回"),
    CLOSED: say("账户停用，没领的券都退回"),
}
"""Why an order was cancelled, by code, so that everybody reads it in their own language."""
KEEPERS_REASONS = (NOT_THERE, "broken", "absent")
"""What a keeper may choose at the counter."""


def why_ended(code: str | None, words: str | None) -> str:
    """Give why an order was cancelled: a marked sentence, or what somebody wrote."""
    return END_REASONS[code] if code else words or ""


def read_code(text: str) -> str | None:
    """Read a voucher code or card number as typed or scanned, alone or in its link; None if it is none.

    Letters may be small, groups may be split by spaces or dashes, and O, I and L are read as 0, 1 and 1.
    """
    if len(text) > LONGEST_SCAN:
        return None
    link = _VOUCHER_LINK.match(text.strip())
    code = fold(link.group(1) if link else text)
    return code if _CODE.match(code) else None


def show_code(code: str) -> str:
    """Write a code in two groups, as it is read aloud: `K7M2 9QXC`."""
    return f"{code[:4]} {code[4:]}"


def valid_until(now: datetime, days: int, time_zone: str) -> datetime:
    """Give the end of the local day `days` days from now: a voucher is good on the whole of its last day."""
    return start_of_day(local_day(now, time_zone) + timedelta(days=days + 1), time_zone)


def last_day(until: datetime, time_zone: str) -> date:
    """Give the last local day that is whole before a moment."""
    return local_day(until - timedelta(seconds=1), time_zone)


def is_redemption_day(day: date, in_force: Rules) -> bool:
    """Tell whether goods are handed over on a local day: the days of the week, in the months of the rules."""
    weekdays, months = in_force.redemption_weekday, in_force.redemption_months
    if months and (day.day > FIRST_DAYS or (day.month - 1) % months):
        return False
    return not weekdays or str(day.isoweekday()) in str(weekdays)


def redemption_day(now: datetime, in_force: Rules, time_zone: str) -> date:
    """Give the next local day, today among them, on which goods are handed over."""
    day = local_day(now, time_zone)
    while not is_redemption_day(day, in_force):
        day += timedelta(days=1)
    return day


def fetched_until(now: datetime, in_force: Rules, time_zone: str, *, is_goods: bool) -> datetime:
    """Give when a voucher lapses: after its days, and never before the next day on which its goods are handed over;
    where months have one week for it, not before that week's end."""
    until = valid_until(now, in_force.voucher_days, time_zone)
    if not is_goods:
        return until
    day = redemption_day(now, in_force, time_zone)
    if in_force.redemption_months:
        day = day.replace(day=FIRST_DAYS)
    return max(until, start_of_day(day + timedelta(days=1), time_zone))


def start_of_quarter(now: datetime, time_zone: str) -> datetime:
    """Give the first moment of this local quarter of the year, in UTC."""
    today = local_day(now, time_zone)
    return start_of_day(today.replace(month=today.month - (today.month - 1) % 3, day=1), time_zone)


def start_of_month(now: datetime, time_zone: str) -> datetime:
    """Give the first moment of this local month, in UTC."""
    return start_of_day(local_day(now, time_zone).replace(day=1), time_zone)


def points_of_budget(in_force: Rules) -> int | None:
    """Give how many points may go to goods in a month; None without a limit."""
    if not in_force.shop_budget_fen_per_month or not in_force.point_reference_fen:
        return None
    return in_force.shop_budget_fen_per_month // in_force.point_reference_fen


def expected_month(month: date, left: int, most: int, totals: Sequence[int]) -> date:
    """Give the month in which the last of `totals` (points, in the order of the queue) has its turn.

    `left` points remain of the month that begins on `month`, `most` a month follow; nobody overtakes. Each total is
    `most` at most.
    """
    for total in totals:
        if total > left:
            month, left = month_after(month), most
        left -= total
    return month


def month_bounds(first: date, time_zone: str) -> tuple[datetime, datetime]:
    """Give the first moment of the month that begins on `first` and the first after it, in UTC."""
    return start_of_day(first, time_zone), start_of_day(month_after(first), time_zone)


def months_over(today: date, number: int) -> list[date]:
    """Give the first days of the last `number` months that are over, oldest first."""
    months = [today.replace(day=1)]
    for _ in range(number):
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months[:0:-1]


def reference_fen(unit: str, total: int, price: int) -> int:
    """Give the reference value of minutes (`price` fen an hour, rounded down) or points (`price` fen each)."""
    return total * price // 60 if unit == chart.MINUTES else total * price


def bill_line(title: str, quantity: int) -> str:
    """Write what was ordered as the book and the receipt say it: `肥皂 × 2`."""
    return title if quantity == 1 else f"{title} × {quantity}"


def may_take_back(handed_over_at: datetime, now: datetime, minutes: int, time_zone: str) -> bool:
    """Tell whether a hand-over may still be taken back: within so many minutes, and on the same local day."""
    return handed_over_at >= undoable_since(now, minutes, time_zone) and minutes > 0


def undoable_since(now: datetime, minutes: int, time_zone: str) -> datetime:
    """Give from when on a hand-over may still be taken back; a day's end keeps it out of another month."""
    return max(now - timedelta(minutes=minutes), start_of_day(local_day(now, time_zone), time_zone))


def has_account_number(text: str) -> bool:
    """Tell whether a text holds twelve digits or more in a row, as bank accounts do; a date or a phone does not."""
    return bool(_LONG_NUMBER.search(text))
