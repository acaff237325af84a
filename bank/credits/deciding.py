"""The desk's main verb: decide on many credits at once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bank import chart
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases, posting, rules, steps, undoing
from bank.credits.models import Credit
from bank.credits.rules import AlreadyDecided, Case, FlaggedMeanwhile, Standing, Verdict
from bank.credits.steps import Step
from bank.errors import BankError, Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor

Decision = Literal["approve", "reject"]
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one credit: its state now, and the code with its sentence where the decision did not count."""

    credit_id: int
    state: str | None
    code: str | None
    sentence: str | None = None


def decide(
    session: Session,
    actor: Actor,
    credit_ids: Sequence[int],
    decision: Decision,
    *,
    amount: int | None = None,
    reason: str | None = None,
    now: datetime,
    batch: str | None = None,
    unless_flagged: bool = False,
) -> list[Outcome]:
    """Approve or refuse up to 500 credits in one set; each gets its own outcome and none stops the others.

    `amount` lowers what stands (minutes or points) and needs a `reason`, as refusing does; the reason is for the
    member. `batch` names the tap for `undo`. With `unless_flagged` what has a flag by now is left, as whoever taps once
    for all saw none. Raises NotAllowed, AdminCannotCredit, and Invalid for a missing reason
    or too many.
    """
    actor.require(*rules.DECIDERS)
    rules.check_no_admin(actor)
    _check_form(credit_ids, decision, amount, reason)
    found = cases.cases(session, credit_ids)
    cases.lock_people(session, {actor.person_id, *(case.person_id for case in found.values())})
    tap = _Tap(session, actor, reason, now, batch or uuid.uuid4().hex, unless_flagged=unless_flagged)
    wanted = [found[credit_id] for credit_id in dict.fromkeys(credit_ids) if credit_id in found]
    verdicts = _refusals(wanted, actor) if decision == "reject" else _judge(tap, wanted, amount)
    if unless_flagged:
        flagged = cases.flagged(session, found)
        verdicts |= {id_: Verdict(refusal=FlaggedMeanwhile) for id_ in flagged if not verdicts[id_].refusal}
    codes = tap.refuse(wanted, verdicts) if decision == "reject" else tap.approve(wanted, verdicts)
    now_in = session.execute(select(Credit.id, Credit.state).where(Credit.id.in_(list(found))))
    states = {id_: state for id_, state in now_in}  # noqa: C416 -- a Row is no pair to dict()
    return [_outcome(credit_id, found, states, codes, actor) for credit_id in dict.fromkeys(credit_ids)]


def _check_form(credit_ids: Sequence[int], decision: str, amount: int | None, reason: str | None) -> None:
    if len(credit_ids) > MOST_AT_ONCE:
        raise Invalid({"items": [say("一次最多处理 500 条，请分几次。")]})
    if (decision == "reject" or amount is not None) and not (reason or "").strip():
        raise Invalid({"reason": [say("请选一个原因，或写一句，好让本人知道。")]})


def _outcome(
    credit_id: int,
    found: Mapping[int, Case],
    states: Mapping[int, str],
    codes: Mapping[int, tuple[str, str]],
    actor: Actor,
) -> Outcome:
    case = found.get(credit_id)
    if case is None or case.community_id != actor.community_id:
        return Outcome(credit_id, None, NotFound.code, NotFound.sentence)
    code, sentence = codes.get(credit_id, (None, None))
    return Outcome(credit_id, states[credit_id], code, sentence)


def _refusals(wanted: Sequence[Case], actor: Actor) -> dict[int, Verdict]:
    verdicts = {}
    for case in wanted:
        refusal = rules.refuser_check(case, actor)
        verdicts[case.id] = Verdict(refusal=refusal) if refusal else Verdict("refused")
    return verdicts


def _judge(tap: _Tap, wanted: Sequence[Case], lowered: int | None) -> dict[int, Verdict]:
    """Judge in order, so that two credits of one person and day count towards each other.

    What is chosen and counts already is not counted twice while it is judged, and still counts for all others.
    """
    mine = [case for case in wanted if case.community_id == tap.actor.community_id]
    days = cases.day_minutes(tap.session, mine)
    issued = cases.issued_alone(tap.session, tap.actor, now=tap.now) if mine else {}
    versions = cases.rules_of(tap.session, ((case.community_id, case.rules_number) for case in wanted))
    months = cases.month_sums(tap.session, mine, versions)
    verdicts = {}
    for case in wanted:
        day = (case.person_id, case.happened_on)
        known = case.standing if case.state == "second_review" else 0
        verdict = verdicts[case.id] = rules.judge(
            case,
            tap.actor,
            versions[case.community_id, case.rules_number],
            Standing(
                days.get(day, 0) - known,
                issued.get(case.unit, 0),
                (months.get(case.month, 0) if case.month else 0) - known,
            ),
            lowered=lowered,
            reason=tap.reason,
        )
        if verdict.refusal is not None:
            continue
        if case.unit == chart.MINUTES:
            days[day] = days.get(day, 0) + verdict.amount - known
        if case.month:
            months[case.month] = months.get(case.month, 0) + verdict.amount - known
        if case.state == "submitted" and verdict.state != "second_review":
            issued[case.unit] = issued.get(case.unit, 0) + verdict.amount
    tap.versions = versions
    return verdicts


class _Tap:
    """One tap of one person: everything it changes, in sets."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        reason: str | None,
        now: datetime,
        batch: str,
        *,
        unless_flagged: bool,
    ) -> None:
        self.unless_flagged = unless_flagged
        self.session = session
        self.actor = actor
        self.reason = reason
        self.now = now
        self.batch = batch
        self.versions: Mapping[tuple[int, int], Rules] = {}

    def refuse(self, wanted: Sequence[Case], verdicts: Mapping[int, Verdict]) -> dict[int, tuple[str, str]]:
        codes = _codes(verdicts)
        open_ids = {case.id: case for case in wanted if case.id not in codes}
        done: set[int] = set()
        for state in rules.UNDECIDED:
            ids = [case.id for case in open_ids.values() if case.state == state]
            done |= self._move(ids, state, {"state": "refused", "reason": self.reason})
        self._tell_refused([case for case in open_ids.values() if case.id in done])
        self._note(Step(id_, "refused", self.now, **self._signature()) for id_ in sorted(done))
        return codes | _lost(open_ids, done)

    def approve(self, wanted: Sequence[Case], verdicts: Mapping[int, Verdict]) -> dict[int, tuple[str, str]]:
        codes = _codes(verdicts)
        chosen = {case.id: case for case in wanted if case.id not in codes}
        groups: dict[tuple[Any, ...], list[int]] = {}
        for case in chosen.values():
            verdict = verdicts[case.id]
            lowered = verdict.amount if verdict.amount != case.standing else None
            groups.setdefault((case.state, verdict.state, self._notice_days(case, verdict), lowered), []).append(
                case.id
            )
        done: set[int] = set()
        ends = self._ends_of_notice({group[2] for group in groups if group[1] == "in_notice"})
        for (state, target, days, lowered), ids in sorted(groups.items(), key=lambda group: group[1][0]):
            done |= self._move(ids, state, self._approval(state, target, ends.get(days), lowered))
        self._note(
            Step(
                id_,
                "approved" if chosen[id_].state == "submitted" else "second_approved",
                self.now,
                amount=verdicts[id_].amount,
                **self._signature(),
            )
            for id_ in sorted(done)
        )
        posted = [id_ for id_ in sorted(done) if verdicts[id_].state == "posted"]
        held_up = posting.post(self.session, posted, now=self.now) if posted else {}
        self._put_back({chosen[id_]: code for id_, code in held_up.items()})
        told = {code: rules.BOOK_SENTENCES.get(code, Conflict.sentence) for code in held_up.values()}
        return codes | _lost(chosen, done) | {id_: (code, told[code]) for id_, code in held_up.items()}

    def _notice_days(self, case: Case, verdict: Verdict) -> int:
        if verdict.state != "in_notice":
            return 0
        version = self.versions[case.community_id, case.rules_number]
        return rules.notice_days(version, case.unit, case.evidence_class)

    def _ends_of_notice(self, spans: set[int]) -> dict[int, datetime]:
        if not spans:
            return {}
        home = self.session.get_one(Community, self.actor.community_id)
        calendar = calendar_of(self.session, home, self.now)
        return {days: calendar.end_after(days) for days in spans}

    def _approval(self, state: str, target: str, until: datetime | None, lowered: int | None) -> dict[str, Any]:
        standing = Credit.amount if state == "submitted" else Credit.approved_amount
        values: dict[str, Any] = {"state": target, "approved_amount": standing if lowered is None else lowered}
        if lowered is not None:
            values["reason"] = self.reason
        hand = "first" if state == "submitted" else "second"
        values |= {f"{hand}_by": self.actor.person_id, f"{hand}_at": self.now}
        if target == "in_notice":
            values |= {"notice_from": self.now, "notice_until": until, "due_at": until}
        elif target == "posted":
            values["posted_at"] = self.now
        return values

    def _move(self, ids: Sequence[int], state: str, values: Mapping[str, Any]) -> set[int]:
        """Change the state of those that are still where they were seen; give which these are."""
        if not ids:
            return set()
        here = Credit.id.in_(ids) & (Credit.flags == []) if self.unless_flagged else Credit.id.in_(ids)
        moved = self.session.execute(
            update(Credit)
            .where(here, Credit.state == state, Credit.waits_for.is_(None))
            .values(batch=self.batch, **values)
            .returning(Credit.id)
            .execution_options(synchronize_session="fetch")
        )
        return set(moved.scalars())

    def _put_back(self, refused: Mapping[Case, str]) -> None:
        """Leave what the book refused as it was before the tap, with its next round."""
        for state in rules.UNDECIDED:
            ids = [case.id for case in refused if case.state == state]
            if ids:
                self.session.execute(
                    update(Credit)
                    .where(Credit.id.in_(ids))
                    .values(undoing.as_before(state))
                    .execution_options(synchronize_session="fetch")
                )
        self._note(
            Step(case.id, "undone", self.now, None, reason=code, batch=self.batch) for case, code in refused.items()
        )

    def _signature(self) -> dict[str, Any]:
        return {
            "by_person_id": self.actor.person_id,
            "role": rules.role_of(self.actor),
            "reason": self.reason,
            "batch": self.batch,
        }

    def _note(self, rows: Iterable[Step]) -> None:
        steps.write(self.session, rows)

    def _tell_refused(self, refused: Sequence[Case]) -> None:
        sentence = say(
            "“%(title)s”没有通过：%(reason)s 如果您觉得不对，请带上能说明情况的东西到社区服务台，工作人员可以重新打开。"
        )
        told = [(case.person_id, {"title": case.title, "reason": self.reason}) for case in refused]
        names = cases.public_ids(self.session, [case.id for case in refused])
        links = [f"/me/credits/{names[case.id]}" for case in refused]
        members.tell_each(self.session, told, sentence, now=self.now, links=links)


def _codes(verdicts: Mapping[int, Verdict]) -> dict[int, tuple[str, str]]:
    return {id_: _words(verdict.refusal) for id_, verdict in verdicts.items() if verdict.refusal}


def _words(refusal: type[BankError]) -> tuple[str, str]:
    return refusal.code, refusal.sentence


def _lost(chosen: Collection[int], done: set[int]) -> dict[int, tuple[str, str]]:
    """Name those that somebody else decided between our look and our change."""
    return {id_: _words(AlreadyDecided) for id_ in chosen if id_ not in done}
