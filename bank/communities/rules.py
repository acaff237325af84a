"""The numbers a community lives by, with defaults from domain.md section 5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

DEED_POINTS: Mapping[str, int] = {
    "advice": 2,
    "lecture": 2,
    "mediation": 5,
    "errand": 5,
    "lost_property": 10,
    "care": 10,
    "captain_duty": 10,
    "care_disabled": 15,
    "blood_donation": 30,
    "bravery": 100,
}
NOTICE_DAYS: Mapping[str, int] = {"A": 3, "B": 3, "C": 3}


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule version in force: amounts in minutes and points, spans in the unit that ends their name."""

    number: int
    effective_on: date
    notice_days: Mapping[str, int] = field(default_factory=lambda: dict(NOTICE_DAYS))
    """Working days of public notice by evidence class."""
    deed_notice_days: int = 3
    deed_points: Mapping[str, int] = field(default_factory=lambda: dict(DEED_POINTS))
    deed_claims_per_week: int = 3
    deed_points_per_month: int = 60
    points_expire_months: int | None = 36
    """Points are kept to the end of the month so many months after they were earned, elders' for ever; None means
    everybody's for ever. Time never ends."""
    rounding_minutes: int = 1
    """Credited minutes are rounded down to a multiple of this."""
    daily_minutes: int = 8 * 60
    daily_minutes_with_second: int = 12 * 60
    balance_cap_minutes: int = 1_500 * 60
    check_in_early_minutes: int = 30
    check_out_late_minutes: int = 60
    late_after_minutes: int = 15
    least_stay_minutes: int = 10
    auto_close_after_minutes: int = 30
    paper_days: int = 3
    """Working days after an activity within which a paper roster has to be handed in; later it is honour time."""
    class_b_minutes_per_month: int = 8 * 60
    """What paper and witnesses can give one person a month; more is honour time."""
    sheet_photo_days: int = 90
    """How long the photo of a confirmed roster is kept."""
    answer_objection_days: int = 5
    panel_quorum: int = 3
    """How many votes of the panel make a verdict on an objection; 0 means that the answer is the verdict. So it is
    wherever fewer of the panel than that are free of conflict."""
    panel_days: int = 5
    """Working days the panel has to vote."""
    last_days: int = 5
    """Working days the second approver has, where neither an answer nor the panel gave a verdict."""
    is_tie_upheld: bool = False
    is_silence_upheld: bool = True
    """What the rule says of an objection nobody decided: upheld, so that an office gains nothing by looking away."""
    deed_panel_from_points: int = 10
    """Deeds worth so many points or more, and every deed with something to look at, are judged by the panel before
    the desk sees them, for `panel_days`; 0 means all of them. Without a quorum free of conflict the desk decides."""
    is_deed_tie_granted: bool = False
    """What an equal vote on a deed means; whoever told it may bring a witness and ask to have it reopened."""
    thanks_per_day: int = 5
    """How many thank-you cards one person may send a day, one to each neighbour."""
    thanks_settled_days: int = 14
    """After so many days a reported card that nobody looked at is removed."""
    correct_after_posting_days: int = 30
    """How many days after posting the person may ask for a correction of their own item."""
    appeal_days: int = 30
    """How many days after a refusal the person may ask that somebody else look again."""
    object_after_posting_days: int = 7
    """How many days after posting an item stays on the public list and can still be objected to."""
    voucher_days: int = 7
    goods_orders_per_month: int = 2
    """How many orders of goods a member may place a month; 0 means no limit."""
    household_orders_per_month: int = 4
    """How many orders of goods everybody behind one door may place a month together; 0 means no limit."""
    item_orders_per_quarter: int = 1
    """How many orders of the same goods a member may place in a quarter of the year; 0 means no limit."""
    household_item_orders_per_quarter: int = 2
    """How many of the same goods everybody behind one door may order in a quarter together; 0 means no limit."""
    redemption_weekday: int = 0
    """The days on which goods are handed over, 1 for Monday to 7 for Sunday, one digit each: 25 is Tuesday and Friday;
    0 means every day."""
    redemption_months: int = 0
    """Goods are handed over in the first seven days of every so many months, from January on, on those days alone:
    1 is once a month, 3 once a quarter; 0 means every week."""
    stocktake_days: int = 3
    """How many days a count of the shelf waits for its second person; then it ends and changes nothing."""
    shop_budget_fen_per_month: int = 0
    """What the community pays for goods had for points in a month, in fen, each point at its reference price; beyond it
    people queue. 0 means no limit."""
    point_reference_fen: int = 30
    """What a point is reckoned at, in fen; 0 means that it has no price, and then no budget limits points."""
    budget_wait_days: int = 180
    """How many days a place in the queue for goods is kept; then it ends, and anybody may queue again."""
    budget_take_days: int = 7
    """How many days somebody whose turn it is may think about it; then it is the next one's."""
    card_orders_per_day: int = 5
    """How often a printed card serves at the counter a day, so that a stolen one with its PIN empties no passbook;
    0 means no limit."""
    counter_undo_minutes: int = 10
    """How long a keeper may take back what they just handed over, on the same day; 0 means not at all."""
    hour_reference_fen: int = 1_500
    """What an hour is reckoned at in a provider's statement, in fen; 0 means that it names no value."""
    statement_days: int = 10
    """Working days both sides of a month's statement have to confirm or dispute it; who is silent agrees."""
    statement_answer_days: int = 5
    """Working days the other side has to answer a dispute; then the statement stands as the book says."""
    statement_paid_days: int = 15
    """Working days after which an unpaid statement is called to mind, again and again."""
    nudge_after_minutes: int = 0
    """Who has saved so much and never spent any is offered three things to do with it, once; 0 means nobody."""
    warn_pool_months: int = 3
    """The coordinators are warned when the pool lasts for fewer months than this; 0 means never."""
    warn_met_percent: int = 70
    """They are warned when fewer requests than this are met within 48 hours; 0 means never."""
    warn_used_percent: int = 20
    """They are warned when of what was saved in twelve weeks less than this was used; 0 means never."""
    home_service_minutes: int = 4 * 60
    """The longest one-to-one service at somebody's home."""
    help_verify_days: int = 1
    """Working days within which a request for help is verified."""
    help_answer_days: int = 2
    """Working days within which somebody is found for a verified request, or its resident told how it stands."""
    help_invite_hours: int = 24
    """How long an invited volunteer may think about it."""
    help_promised_most: int = 8
    """Visits that one person has promised and not yet begun; 0 is no limit."""
    help_cancel_hours: int = 24
    """So long before the visit or earlier it can be cancelled for nothing."""
    help_missed_minutes: int = 30
    """What the volunteer is given for a late cancellation or a closed door."""
    help_wait_minutes: int = 15
    """After so many minutes a resident may say that nobody came, or a volunteer that nobody opened."""
    help_scan_hours: int = 24
    """How long after its planned end what was scanned without a network may still arrive."""
    help_confirm_days: int = 3
    """Working days within which both sides confirm."""
    help_decide_days: int = 5
    """Working days within which a disputed visit is decided by somebody uninvolved."""
    help_differs_percent: int = 25
    help_differs_minutes: int = 15
    """A visit that differs from what was agreed by more than either is looked at."""
    help_return_days: int = 5
    """Days after which the resident's hours come back where the volunteer's were refused: until then it may be
    reopened."""
    help_report_days: int = 3
    """Working days within which a reported problem is answered."""
    scan_pairs_per_day: int = 3
    """How often a day one may check in and out at the same activity."""
    newcomer_days: int = 90
    """So long whoever registered a resident credits them nothing alone; a second person looks, too."""
    issue_minutes_per_week: int = 600 * 60
    """What one coordinator may let through alone in a week, Monday to Sunday; the rest needs a second person."""
    issue_points_per_week: int = 3_000
    fresh_minutes: int = 10
    """What is claimed so soon after its activity or account was made is looked at."""
    night_from_hour: int = 23
    night_until_hour: int = 5
    pair_times: int = 4
    """So many deeds told within thirty days by one person of the same other are looked at."""
    accounts_per_device: int = 4
    """So many people checked in by one phone within thirty days are looked at."""
    same_length_people: int = 5
    """So many stays at one activity that are equal to the second are looked at."""
    headcount_days: int = 2
    """Days after its end that the leader of an activity has to say how many were there."""
    headcount_people: int = 10
    """From so many people on, an activity whose leader never said it is looked at."""
    work_from_hour: int = 9
    work_until_hour: int = 17
    """Service by the community's own staff on a working day between these hours is looked at: it may be their job."""
    photo_distance_bits: int = 6
    """Photos whose hashes (64 bits) differ in no more than this are taken for the same."""
    spot_check_percent: int = 5
    """How much of what was posted in a month is drawn for a check; 0 means none."""
    rule_notice_days: int = 7
    """How many days before it holds a new version of the rules has to be public."""
    gift_minutes_per_month: int = 10 * 60
    """What a member may give to bound relatives a month; 0 means nothing."""
    gift_hours_to_take_back: int = 24
    answer_days: int = 30
    """Days after which what waits for somebody's yes lapses: a bond, a place on the grant list."""
    grant_minutes_per_month: int = 120
    grant_review_months: int = 12
    """How long a grant goes on without being looked at again; then it pauses, and ends after the same time."""
    pool_floor_minutes: int = 0
    """What grants leave in the pool."""
    inheritance_months: int = 12
    """How long the family of somebody who died may choose; then the hours go to the pool."""
    inheritance_age: int = 60
    """How old an heir must be, in years."""
    dormant_months: int = 12
    """After how long without a movement owners are asked about their hours, and how often; no account is closed."""


def is_weekdays(number: int) -> bool:
    """Tell whether a number writes days of the week, each once and in order: 25 is Tuesday and Friday, 0 every day."""
    digits = str(number)
    return number == 0 or (set(digits) <= set("1234567") and "".join(sorted(set(digits))) == digits)


SETTINGS = {spec.name for spec in fields(Rules)} - {"number", "effective_on"}


def read_rules(number: int, effective_on: date, settings: Mapping[str, Any]) -> Rules:
    """Lay a version's settings over the defaults. Raises ValueError for a setting or a kind of deed without a name."""
    tables = {name: settings.get(name, {}) for name in ("notice_days", "deed_points")}
    if not all(isinstance(table, Mapping) for table in tables.values()):
        raise ValueError(f"a table each: {', '.join(tables)}")
    unknown = set(settings) - SETTINGS | set(tables["deed_points"]) - set(DEED_POINTS)
    if unknown:
        raise ValueError(f"no such rules: {', '.join(sorted(unknown))}")
    merged: Any = {
        name: {**NOTICE_DAYS, **value} if name == "notice_days" else value for name, value in settings.items()
    }
    return Rules(number=number, effective_on=effective_on, **merged)
