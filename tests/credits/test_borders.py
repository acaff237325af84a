"""Every number of the rules has a test on both sides of its border: a table of them, and those found nowhere else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import SETTINGS, Rules
from bank.credits import cases, escalating, objections, rules, stages
from bank.credits.rules import Case, DayCapExceeded, Standing
from bank.errors import NotFound
from bank.members.actor import Actor
from tests.credits.builders import approve, credit, propose
from tests.credits.test_objections import object_to
from tests.named import is_there
from tests.world import World

HERE = "credits/test_borders.py"
BORDERS = {
    "gift_minutes_per_month": "giving/test_giving.py::test_ten_hours_a_month_can_be_given_and_no_minute_more",
    "gift_hours_to_take_back": "giving/test_giving.py::test_a_gift_is_held_for_a_day_and_then_the_relatives",
    "answer_days": "giving/test_giving.py::test_what_nobody_answers_lapses_after_thirty_days",
    "grant_minutes_per_month": "giving/test_giving.py::test_a_grant_is_paid_once_a_month_and_ends_with_it",
    "grant_review_months": "giving/test_giving.py::test_a_grant_without_review_pauses_and_then_ends",
    "inheritance_months": "giving/test_farewells.py::test_nobody_chose_for_a_year_and_the_hours_are_the_pools",
    "inheritance_age": "giving/test_farewells.py::test_an_heir_has_the_years_on_the_birthday",
    "dormant_months": "giving/test_dormant.py::test_owners_are_asked_after_a_year_without_a_movement",
    "pool_floor_minutes": "giving/test_giving.py::test_the_pool_pays_in_list_order_down_to_its_floor",
    "notice_days": "credits/test_notice.py::test_nothing_is_posted_before_the_notice_ends",
    "deed_notice_days": "credits/test_notice.py::test_points_follow_the_days_of_deeds",
    "deed_points": "deeds/test_operations.py::test_a_deed_goes_the_whole_way_into_points",
    "deed_claims_per_week": "deeds/test_operations.py::test_no_more_than_three_deeds_a_week_whoever_did_them",
    "deed_points_per_month": "deeds/test_operations.py::test_no_more_than_sixty_points_a_month",
    "points_expire_months": "credits/test_expiring.py::test_points_are_kept_to_the_end_of_a_month",
    "rounding_minutes": "checkin/test_rules.py::test_seconds_are_rounded_down_to_the_unit_of_the_rules",
    "daily_minutes": f"{HERE}::test_a_day_has_its_two_borders",
    "daily_minutes_with_second": f"{HERE}::test_a_day_has_its_two_borders",
    "balance_cap_minutes": "credits/test_deciding.py::test_minutes_that_just_fit_under_the_cap_have_no_surplus",
    "check_in_early_minutes": (
        "checkin/test_scanning.py::test_the_doors_open_thirty_minutes_before_and_close_at_the_end"
    ),
    "check_out_late_minutes": "checkin/test_scanning.py::test_checking_out_is_possible_until_an_hour_after_the_end",
    "late_after_minutes": "checkin/test_scanning.py::test_lateness_is_flagged_after_a_quarter_of_an_hour",
    "least_stay_minutes": "checkin/test_rules.py::test_the_server_decides_in_or_out",
    "auto_close_after_minutes": (
        "checkin/test_closing.py::test_who_forgot_to_check_out_gets_the_planned_end_and_a_look"
    ),
    "paper_days": "sheets/test_sheets.py::test_what_is_handed_in_after_three_working_days_is_honour_time",
    "class_b_minutes_per_month": "sheets/test_sheets.py::test_paper_gives_eight_hours_a_month_and_then_honour_time",
    "sheet_photo_days": "sheets/test_sheets.py::test_photos_are_kept_ninety_days",
    "answer_objection_days": "credits/test_objections.py::test_its_answer_is_due_within_five_working_days",
    "panel_quorum": "credits/test_states.py::test_a_verdict_needs_the_quorum_and_a_lead_nobody_can_turn",
    "panel_days": "credits/test_panel.py::test_three_votes_at_the_deadline_decide_without_the_fourth",
    "last_days": "credits/test_panel.py::test_left_alone_every_objection_ends",
    "is_tie_upheld": f"{HERE}::test_a_tie_goes_both_ways",
    "is_silence_upheld": f"{HERE}::test_silence_has_words_for_both",
    "correct_after_posting_days": f"{HERE}::test_a_correction_is_in_time_to_the_last_day",
    "appeal_days": "credits/test_appeals.py::test_an_appeal_is_in_time_to_the_last_day",
    "object_after_posting_days": f"{HERE}::test_an_objection_is_in_time_to_the_last_day",
    "warn_pool_months": "vitals/test_warning.py::test_a_pool_for_three_months_is_enough",
    "warn_met_percent": "vitals/test_warning.py::test_seven_in_ten_requests_met_in_time_are_enough",
    "warn_used_percent": "vitals/test_warning.py::test_a_fifth_of_what_was_saved_lately_is_used",
    "nudge_after_minutes": "vitals/test_nudging.py::test_the_tenth_hour_is_the_border",
    "voucher_days": "shop/test_operations.py::test_a_voucher_is_good_until_the_end_of_its_last_day",
    "goods_orders_per_month": "shop/test_operations.py::test_goods_have_a_monthly_quota_where_the_rules_say_so",
    "household_orders_per_month": "shop/test_stock.py::test_a_household_shares_its_months_quota",
    "item_orders_per_quarter": "shop/test_stock.py::test_the_same_goods_come_once_a_quarter",
    "household_item_orders_per_quarter": "shop/test_stock.py::test_a_household_shares_its_quarter_of_one_item",
    "redemption_weekday": "shop/test_stock.py::test_goods_are_handed_over_on_their_day_only",
    "redemption_months": "shop/test_redemption_days.py::test_a_quarters_first_week_has_its_borders",
    "stocktake_days": "shop/test_stock.py::test_a_count_nobody_confirms_ends_by_its_day",
    "shop_budget_fen_per_month": "shop/test_budget.py::test_the_last_point_of_a_month_is_ordered_and_no_more",
    "point_reference_fen": "shop/test_budget.py::test_a_budget_is_points_at_their_price",
    "budget_wait_days": "shop/test_budget.py::test_a_place_ends_by_its_day",
    "budget_take_days": "shop/test_budget.py::test_a_turn_that_passes_goes_to_the_next",
    "card_orders_per_day": (
        "shop/test_operations.py::test_serving_stops_at_the_days_card_limit_and_at_other_shops_shelves"
    ),
    "counter_undo_minutes": "shop/test_undoing.py::test_ten_minutes_long",
    "hour_reference_fen": "shop/test_statements.py::test_a_reference_value_is_in_whole_fen_rounded_down",
    "statement_days": "shop/test_statements.py::test_who_is_silent_for_ten_working_days_agrees",
    "statement_answer_days": (
        "shop/test_statements.py::test_a_dispute_nobody_answers_within_five_working_days_ends_as_the_book_says"
    ),
    "statement_paid_days": (
        "shop/test_statements.py::test_what_is_unpaid_after_fifteen_working_days_is_called_to_mind_again_and_again"
    ),
    "home_service_minutes": "activities/test_declaration.py::test_a_home_service_lasts_four_hours_at_most",
    "help_verify_days": "services/test_requests.py::test_promises_are_kept_in_working_days",
    "help_answer_days": "services/test_requests.py::test_promises_are_kept_in_working_days",
    "help_invite_hours": "services/test_inviting.py::test_an_unanswered_invitation_ends_after_its_hours",
    "help_promised_most": "services/test_kept.py::test_the_rules_say_how_many_visits_one_person_promises",
    "help_cancel_hours": "services/test_inviting.py::test_a_late_cancellation_is_half_an_hour_to_the_volunteer",
    "help_missed_minutes": "services/test_visits.py::test_a_visit_in_vain_is_never_worth_more_than_was_agreed",
    "help_wait_minutes": "services/test_visits.py::test_when_nobody_comes_all_goes_back_and_the_next_day_goes_first",
    "help_scan_hours": "services/test_visits.py::test_a_visit_without_any_scan_ends_as_nobody_came_after_its_hours",
    "help_confirm_days": (
        "services/test_visits.py::test_silence_of_the_resident_brings_somebody_to_ask_and_then_gives_the_hours_back"
    ),
    "help_decide_days": (
        "services/test_visits.py::test_a_dispute_nobody_decides_pays_the_smaller_figure_both_agreed_to"
    ),
    "help_differs_percent": "services/test_visits.py::test_a_quarter_is_the_border_of_a_short_visit",
    "help_differs_minutes": "services/test_visits.py::test_a_quarter_of_an_hour_is_the_border_of_an_hours_visit",
    "help_return_days": (
        "services/test_returning.py::test_what_was_refused_comes_back_after_the_days_in_which_it_may_be_reopened"
    ),
    "help_report_days": (
        "services/test_requests.py::test_a_problem_is_answered_by_the_desk_or_goes_to_the_second_approver"
    ),
    "scan_pairs_per_day": "checkin/test_attesting.py::test_a_fourth_pair_of_a_day_is_refused_by_the_rules_words",
    "newcomer_days": "credits/test_newcomers.py::test_whoever_registered_somebody_is_a_hand_to_the_last_day",
    "issue_minutes_per_week": "credits/test_hands.py::test_what_exceeds_the_weeks_budget_needs_a_second_person",
    "issue_points_per_week": "credits/test_hands.py::test_points_have_a_budget_of_their_own",
    "fresh_minutes": "credits/test_signals.py::test_what_comes_within_minutes_of_the_making_is_seen",
    "night_from_hour": "credits/test_signals.py::test_what_comes_at_night_is_seen",
    "night_until_hour": "credits/test_signals.py::test_what_comes_at_night_is_seen",
    "pair_times": "credits/test_signals.py::test_the_fourth_deed_told_of_the_same_neighbour_is_seen",
    "accounts_per_device": (
        "checkin/test_attesting.py::test_the_fourth_person_of_one_phone_is_seen_at_whatever_activity"
    ),
    "same_length_people": "checkin/test_attesting.py::test_five_stays_equal_to_the_second_are_seen_four_are_not",
    "headcount_days": (
        "checkin/test_attesting.py::test_a_headcount_that_never_comes_is_seen_after_two_days_of_ten_people"
    ),
    "headcount_people": (
        "checkin/test_attesting.py::test_a_headcount_that_never_comes_is_seen_after_two_days_of_ten_people"
    ),
    "work_from_hour": "checkin/test_attesting.py::test_the_communitys_own_staff_in_working_hours_is_seen",
    "work_until_hour": "checkin/test_attesting.py::test_the_communitys_own_staff_in_working_hours_is_seen",
    "photo_distance_bits": (
        "deeds/test_alike.py::test_the_same_picture_dimmed_and_stored_anew_is_near_and_another_is_far"
    ),
    "deed_panel_from_points": "deeds/test_judging.py::test_ten_points_are_judged_and_five_are_not",
    "is_deed_tie_granted": "deeds/test_judging.py::test_a_tie_is_what_the_rule_says",
    "thanks_per_day": "thanks/test_thanks.py::test_one_a_day_to_each_and_five_in_all",
    "thanks_settled_days": "thanks/test_thanks.py::test_what_nobody_looks_at_is_removed_after_fourteen_days",
    "rule_notice_days": "rulebook/test_changing.py::test_nothing_is_backdated",
    "spot_check_percent": "spotchecks/test_draw.py::test_the_share_is_rounded_up",
}
"""By setting, the test that stands on both sides of its border."""
IN_FORCE = Rules(1, date(2026, 1, 1))
PURE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_setting_has_a_test_of_its_border() -> None:
    assert set(BORDERS) == SETTINGS
    assert [test for test in BORDERS.values() if not is_there(test)] == []


def case(world: World, credit_id: int) -> Case:
    with world.write() as session:
        return cases.cases(session, [credit_id])[credit_id]


@PURE
@pytest.mark.parametrize(
    ("minutes", "state", "refusal"),
    [
        (480, "posted", None),
        (481, "second_review", None),
        (720, "second_review", None),
        (721, None, DayCapExceeded),
    ],
)
def test_a_day_has_its_two_borders(
    world: World, minutes: int, state: str | None, refusal: type[DayCapExceeded] | None
) -> None:
    actor: Actor = world.actor("coordinator")
    found = case(world, propose(world, amount=60))
    no_notice = Rules(1, date(2026, 1, 1), notice_days={"A": 0, "B": 3, "C": 3})
    verdict = rules.judge(found, actor, no_notice, Standing(day_minutes=minutes - 60), lowered=None)
    assert (verdict.state, verdict.refusal) == (state, refusal)


@pytest.mark.parametrize("is_tie_upheld", [True, False])
def test_a_tie_goes_both_ways(is_tie_upheld: bool) -> None:
    assert stages.verdict(2, 2, still_to_vote=0, quorum=3, is_tie_upheld=is_tie_upheld) is is_tie_upheld
    assert stages.verdict(3, 2, still_to_vote=0, quorum=3, is_tie_upheld=is_tie_upheld) is True


@PURE
@pytest.mark.parametrize("is_upheld", [True, False])
def test_silence_has_words_for_both(world: World, is_upheld: bool) -> None:
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        settings = {"is_silence_upheld": is_upheld, "panel_quorum": 0}
        communities.adopt_rules(session, home, settings, effective_on=date(2026, 2, 1), now=world.clock.now)
    credit_id = propose(world, evidence_class="B")
    approve(world, "coordinator", credit_id)
    object_to(world, "resident", credit_id)
    for _ in range(2):
        world.clock.advance(days=8)  # type: ignore[attr-defined]
        with world.write() as session:
            assert escalating.escalate_due(session, now=world.clock.now) == 1
    assert credit(world, credit_id).state == ("refused" if is_upheld else "posted")


@PURE
@pytest.mark.parametrize(("over", "is_late"), [(0, False), (1, True)])
def test_an_objection_is_in_time_to_the_last_day(world: World, over: int, is_late: bool) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    world.clock.advance(days=IN_FORCE.object_after_posting_days, seconds=over)  # type: ignore[attr-defined]
    if is_late:
        with pytest.raises(NotFound):
            object_to(world, "resident", credit_id)
    else:
        assert object_to(world, "resident", credit_id)


@PURE
@pytest.mark.parametrize(("over", "is_late"), [(0, False), (1, True)])
def test_a_correction_is_in_time_to_the_last_day(world: World, over: int, is_late: bool) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    world.clock.advance(days=IN_FORCE.correct_after_posting_days, seconds=over)  # type: ignore[attr-defined]
    actor, name = world.actor("volunteer"), credit(world, credit_id).public_id
    asked: dict[str, Any] = {"reason": "多了", "wanted_amount": 30, "now": world.clock.now}
    if is_late:
        with pytest.raises(NotFound), world.write() as session:
            objections.correct(session, actor, name, **asked)
    else:
        with world.write() as session:
            assert objections.correct(session, actor, name, **asked).wanted_amount == 30
