"""The verbs on help at home, in the order of a request's life."""

from bank.services.catalogue import kinds, rule
from bank.services.choosing import set_skills, suited
from bank.services.dispatch import accept, decline, invite, withdraw
from bank.services.ending import cancel, decide, move_due, warn_late
from bank.services.intake import Wish, ask, ask_for, repeat, room, verify
from bank.services.leaving import leave_all, underway
from bank.services.reporting import answer, escalate_due, report
from bank.services.returning import return_due
from bank.services.training import end_training, record_training
from bank.services.visiting import (
    Proof,
    call_back,
    closed_door,
    confirm,
    confirm_by_card,
    nobody_came,
    object_to,
    only_one,
    say_words,
    scan,
)

__all__ = [
    "Proof",
    "Wish",
    "accept",
    "answer",
    "ask",
    "ask_for",
    "call_back",
    "cancel",
    "closed_door",
    "confirm",
    "confirm_by_card",
    "decide",
    "decline",
    "end_training",
    "escalate_due",
    "invite",
    "kinds",
    "leave_all",
    "move_due",
    "nobody_came",
    "object_to",
    "only_one",
    "record_training",
    "repeat",
    "report",
    "return_due",
    "room",
    "rule",
    "say_words",
    "scan",
    "set_skills",
    "suited",
    "underway",
    "verify",
    "warn_late",
    "withdraw",
]
