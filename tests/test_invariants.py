"""The invariants, each with the tests that check it; this test keeps the index correct."""

import ast
from pathlib import Path
from typing import Final

import pytest

from ordersaga.telemetry.metrics import INVARIANTS

TESTS: Final = Path(__file__).parent

HELD_BY: Final = {
    "I1": [
        "domain/test_histories.py::test_any_history_keeps_the_invariants",
        "domain/test_histories.py::test_a_restored_database_moves_no_money_twice",
        "domain/test_histories_of_subscriptions.py::test_a_restored_database_makes_no_token_twice",
        "domain/test_token_orders.py::test_past_its_key_it_is_never_sent_again",
        "worker/test_customer_tokens.py::test_a_lost_creation_is_sent_once",
        "worker/test_leases.py::test_a_lease_that_does_not_outlast_the_call_sends_nothing",
        "worker/test_leases.py::test_a_worker_that_was_held_up_leaves_the_call_to_the_one_that_has_the_order_now",
        "worker/test_leases.py::test_two_workers_never_hold_the_same_order",
        "worker/test_leases.py::test_an_order_in_two_hands_of_one_worker_goes_on_in_one",
        "worker/test_random_failures.py::test_no_slot_is_lost_and_nothing_is_done_twice",
        "worker/test_settling.py::test_a_request_that_is_not_the_frozen_one_and_a_second_effect_are_seen",
        "intake/test_handing_over.py::test_a_lease_is_never_thought_to_last_longer_than_it_does_in_the_database",
        "intake/test_from_kafka.py::test_a_database_from_before_reads_its_input_again_and_doubles_nothing",
        "e2e/test_kills.py::test_a_service_killed_again_and_again_comes_to_the_same_end",
        "e2e/test_freezing.py::test_a_worker_frozen_past_its_lease_between_claim_and_send_does_not_send",
    ],
    "I2": [
        "domain/test_histories.py::test_any_history_keeps_the_invariants",
        "intake/test_taking_in.py::test_a_write_that_the_database_refuses_is_narrowed_down_to_its_input",
        "worker/test_settling.py::test_books_that_the_database_refuses_call_a_person_and_are_counted",
    ],
    "I3": [
        "domain/test_histories.py::test_any_history_keeps_the_invariants",
        "domain/test_evidence.py::test_a_refusal_after_a_lost_answer_leads_to_a_read",
        "domain/test_histories_manual.py::test_a_truthful_person_settles_every_history",
        "domain/test_histories_of_subscriptions.py::test_a_truthful_person_settles_every_history_of_a_subscription",
        "cli/test_settle.py::test_a_capture_that_took_effect_is_booked_once",
        "worker/test_leases.py::test_a_lost_answer_is_unknown_until_there_is_evidence",
        "worker/test_leases.py::test_after_an_uncertain_call_a_refusal_is_not_final_and_the_order_is_read_first",
        "worker/test_leases.py::test_our_own_failure_in_a_call_leaves_open_whether_it_took_effect",
        "worker/test_leases.py::test_an_order_that_is_handed_back_keeps_its_uncertain_call",
        "worker/test_violations.py::test_an_unknown_operation_that_ends_by_no_evidence_is_seen",
        "worker/test_violations.py::test_a_refusal_that_ends_an_unknown_operation_is_counted",
    ],
    "I4": [
        "domain/test_histories.py::test_any_history_keeps_the_invariants",
        "domain/test_repeats.py::test_a_lost_answer_is_repeated_as_it_was_while_the_key_is_trusted",
        "worker/test_leases.py::test_after_an_expired_lease_the_call_is_repeated_as_it_was",
        "worker/test_settling.py::test_a_request_that_is_not_the_frozen_one_and_a_second_effect_are_seen",
    ],
    "I5": [
        "domain/test_histories.py::test_any_history_keeps_the_invariants",
        "relay/test_relay.py::test_from_a_failed_outcome_on_all_of_its_order_stays_and_is_read_again",
        "relay/test_relay.py::test_what_is_published_again_has_the_same_bytes",
        "relay/test_relay.py::test_two_relays_share_the_work_on_real_kafka_and_keep_each_orders_order",
        "worker/test_settling.py::test_an_outcome_whose_number_was_given_before_is_counted",
    ],
    "I6": [
        "domain/test_histories.py::test_any_history_keeps_the_invariants",
        "intake/test_nothing_lost_or_told.py::test_every_record_has_an_inbox_row_or_a_dead_letter",
        "intake/test_taking_in.py::test_a_batch_and_its_offsets_are_one_transaction",
        "intake/test_taking_in.py::test_a_batch_that_is_always_beaten_is_given_back_and_not_dropped",
        "e2e/test_sample.py::test_histories_of_every_kind_end_as_worked_out_and_every_penny_is_accounted_for",
        "intake/test_nothing_lost_or_told.py::test_a_record_that_comes_to_nothing_is_counted",
        "intake/test_nothing_lost_or_told.py::test_an_event_of_which_nothing_would_be_told_any_more_is_counted",
        "worker/test_violations.py::test_an_event_that_a_settle_forgets_is_counted",
    ],
    "I7": [
        "intake/test_bad_input.py::test_a_nul_and_a_twenty_digit_amount_stall_only_their_own_order",
        "intake/test_taking_in.py::test_a_bug_in_accept_stalls_only_its_order",
        "intake/test_taking_in.py::test_an_order_that_cannot_be_read_stalls_nobody_else",
        "worker/test_settling.py::test_a_bug_in_settle_stalls_only_its_order",
        "worker/test_settling.py::test_a_bug_in_next_call_stalls_only_its_order",
        "worker/test_slots.py::test_more_stuck_orders_of_one_merchant_than_slots_while_a_thousand_of_another_finish",
        "worker/test_slots.py::test_orders_of_a_provider_that_is_down_are_not_claimed",
        "config/test_stalls.py::test_a_batch_that_is_worked_on_for_over_a_minute_counts_at_each_look",
        "worker/test_upkeep.py::test_results_that_stand_still_while_the_store_answers_are_counted",
    ],
    "I8": [
        "domain/test_histories.py::test_any_history_keeps_the_invariants",
        "worker/test_upkeep.py::test_gauges_show_what_the_store_holds",
        "worker/test_settling.py::test_an_order_that_fails_in_every_way_is_set_aside_for_a_person",
        "worker/test_slots.py::test_orders_of_a_merchant_that_is_configured_no_more_are_left_and_show_as_overdue",
    ],
    "I9": [
        "domain/test_reads.py::test_an_authorization_is_read_two_days_before_its_end_and_somebody_is_told",
        "domain/test_reads.py::test_an_authorization_past_its_end_that_is_still_open_is_looked_at_now_and_then",
        "intake/test_taking_in.py::test_an_order_that_waits_for_a_dead_letter_is_still_read_at_the_provider",
    ],
    "I10": [
        "intake/test_nothing_lost_or_told.py::test_nothing_personal_stands_in_a_journal_a_log_an_error_or_an_outcome",
        "web/test_callbacks.py::test_the_log_names_merchant_kind_and_reason_and_nothing_of_the_customer",
        "config/test_logs.py::test_a_field_that_is_not_known_is_left_out",
        "config/test_logs.py::test_what_had_to_be_left_out_is_counted_by_field",
        "config/test_logs.py::test_an_exception_is_told_by_kind_and_place_without_its_text",
    ],
}


def names_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_invariant_is_held_by_a_test() -> None:
    assert tuple(HELD_BY) == INVARIANTS
    assert all(HELD_BY.values())


@pytest.mark.parametrize("test", sorted({test for tests in HELD_BY.values() for test in tests}))
def test_what_holds_an_invariant_is_there(test: str) -> None:
    file, name = test.split("::")
    assert name in names_in(file)
