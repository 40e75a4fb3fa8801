"""The breaker, the rate and the gate, by a clock that stands still."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.providers.breaker import Breaker, Gate, Rate, is_failure

DOWN = Unknown("disconnected")
FINE = Succeeded()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock, least=4, window=8, cooldown=2.0, cooldown_most=5.0)
    for _ in range(4):
        breaker.record(DOWN)
    return breaker


def closed_again(clock: Clock) -> Breaker:
    breaker = opened(clock)
    clock.now += 2
    breaker.started()
    breaker.record(FINE)
    return breaker


@pytest.mark.parametrize(
    ("result", "failure"),
    [
        (Succeeded(), False),
        (Rejected("NOPE", status=400), False),
        (Unknown("disconnected"), True),
        (Unknown("http_503", status=503), True),
        (Unknown("http_409", status=409), False),
        (Retryable("refused"), True),
        (Retryable("http_500", status=500), True),
        (Retryable("unauthorized", status=401), True),
        (Retryable("too_many_requests", 1.0, status=429), False),
    ],
)
def test_what_counts_as_a_failure(result: Result, *, failure: bool) -> None:
    assert is_failure(result) is failure


def test_it_opens_at_the_ratio_of_the_last_calls(clock: Clock) -> None:
    breaker = Breaker(clock, least=4, window=4)
    for result in (FINE, FINE, DOWN, FINE, FINE):
        breaker.record(result)
    assert breaker.room(64) == 64
    breaker.record(DOWN)
    assert breaker.room(64) == 0
    assert breaker.is_open


def test_a_few_calls_do_not_open_it(clock: Clock) -> None:
    breaker = Breaker(clock, least=4)
    for _ in range(3):
        breaker.record(DOWN)
    assert breaker.room(64) == 64


def test_refusals_do_not_open_it(clock: Clock) -> None:
    breaker = Breaker(clock, least=4)
    for _ in range(100):
        breaker.record(Rejected("NOPE"))
    assert breaker.room(64) == 64


def test_after_the_cooldown_there_is_room_for_one(clock: Clock) -> None:
    breaker = opened(clock)
    assert breaker.retry_at == clock.now + 2
    clock.now += 1.99
    assert breaker.room(64) == 0
    clock.now += 0.01
    assert breaker.room(64) == 1


def test_answers_to_earlier_calls_say_nothing_while_it_is_open(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 2
    for _ in range(10):
        breaker.record(FINE)
    assert breaker.is_open
    for _ in range(10):
        breaker.record(DOWN)
    assert breaker.room(64) == 1


def test_a_failed_probe_doubles_the_cooldown_up_to_its_most(clock: Clock) -> None:
    breaker = opened(clock)
    waits = []
    for _ in range(3):
        clock.now = breaker.retry_at
        breaker.started()
        breaker.record(DOWN)
        waits.append(breaker.retry_at - clock.now)
    assert waits == [4.0, 5.0, 5.0]


def test_a_probe_that_was_not_made_decides_nothing(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 2
    breaker.started()
    breaker.dropped()
    breaker.record(FINE)
    assert breaker.is_open
    assert breaker.room(64) == 1


def test_after_closing_room_doubles_with_each_round_of_successes(clock: Clock) -> None:
    breaker = closed_again(clock)
    rooms = []
    while breaker.room(10) < 10:
        room = breaker.room(10)
        rooms.append(room)
        for _ in range(room):
            assert breaker.room(10) == room
            breaker.record(FINE)
    assert rooms == [1, 2, 4, 8]
    breaker.record(DOWN)
    assert breaker.room(10) == 10


def test_a_failure_halves_the_room_while_it_grows(clock: Clock) -> None:
    breaker = closed_again(clock)
    for _ in range(1 + 2 + 4):
        breaker.record(FINE)
    assert breaker.room(64) == 8
    breaker.record(DOWN)
    assert breaker.room(64) == 4


def test_it_opens_again_when_all_fails_while_room_grows(clock: Clock) -> None:
    breaker = closed_again(clock)
    for _ in range(4):
        breaker.record(DOWN)
    assert breaker.room(64) == 0
    assert breaker.retry_at == clock.now + 2


def test_too_many_requests_pause_without_opening(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.record(Retryable("too_many_requests", 3.0, status=429))
    breaker.record(Retryable("too_many_requests", None, status=429))
    assert breaker.room(64) == 0
    assert breaker.retry_at == clock.now + 3
    clock.now += 3
    assert breaker.room(64) == 64


@pytest.mark.parametrize("result", [Retryable("http_503", 7.0, status=503), Unknown("http_503", None, 503, 7.0)])
def test_a_provider_that_names_a_time_is_left_alone_until_then(clock: Clock, result: Result) -> None:
    breaker = Breaker(clock)
    breaker.record(result)
    assert breaker.room(64) == 0
    assert breaker.retry_at == clock.now + 7
    clock.now += 7
    assert breaker.room(64) == 64
    breaker.record(replace(result, after=3_600.0))
    assert breaker.retry_at == clock.now + 300
    clock.now += 300
    breaker.record(replace(result, after=None))
    assert breaker.room(64) == 64


def test_a_rate_is_a_bucket_of_one_second(clock: Clock) -> None:
    rate = Rate(4, clock)
    assert rate.room() == 4
    for _ in range(4):
        rate.taken()
    assert rate.room() == 0
    assert rate.retry_at == clock.now + 0.25
    clock.now += 0.5
    assert rate.room() == 2
    clock.now += 60
    assert rate.room() == 4


def test_a_rate_tells_for_how_long_it_was_used_up(clock: Clock) -> None:
    rate = Rate(2, clock)
    clock.now += 10
    rate.taken(2)
    clock.now += 0.25
    assert rate.exhausted_seconds == 0.25
    clock.now += 60  # after another quarter there was room
    assert rate.exhausted_seconds == 0.5


def test_a_slow_rate_still_lets_one_through(clock: Clock) -> None:
    rate = Rate(0.1, clock)
    assert rate.room() == 1
    rate.taken()
    clock.now += 9.9
    assert rate.room() == 0
    clock.now += 0.1
    assert rate.room() == 1


def test_a_rate_can_change(clock: Clock) -> None:
    rate = Rate(100, clock)
    rate.change(2)
    assert rate.room() == 2
    rate.taken()
    rate.taken()
    clock.now += 1
    assert rate.room() == 2


def test_a_gate_counts_what_is_under_way(clock: Clock) -> None:
    gate = Gate(3, clock)
    gate.started(2)
    assert (gate.room(), gate.under_way) == (1, 2)
    gate.ended(FINE)
    gate.ended(None)
    assert (gate.room(), gate.under_way) == (3, 0)


def test_a_gate_lets_exactly_one_probe_through(clock: Clock) -> None:
    """Calls that were under way when it opened end first; then one, and none beside it."""
    gate = Gate(8, clock, breaker=Breaker(clock, least=4, window=8, cooldown=2.0))
    gate.started(8)
    for _ in range(6):
        gate.ended(DOWN)
    assert gate.room() == 0
    clock.now += 2
    assert gate.room() == 0
    gate.ended(FINE)
    gate.ended(DOWN)
    assert gate.room() == 1
    gate.started()
    assert gate.room() == 0
    gate.ended(FINE)
    assert gate.room() == 1
    gate.started()
    assert gate.room() == 0
    gate.ended(FINE)
    assert gate.room() == 2


def test_a_gate_keeps_the_rate(clock: Clock) -> None:
    gate = Gate(64, clock, rate=Rate(5, clock))
    assert gate.room() == 5
    gate.started(5)
    for _ in range(5):
        gate.ended(FINE)
    assert gate.room() == 0
    assert gate.retry_at == clock.now + 0.2
    clock.now += 0.2
    assert gate.room() == 1


def test_a_call_that_was_not_made_gives_its_share_of_the_rate_back(clock: Clock) -> None:
    gate = Gate(64, clock, rate=Rate(5, clock))
    gate.started(5)
    for _ in range(3):
        gate.ended(None)
    assert gate.room() == 3
    clock.now += 60
    for _ in range(2):
        gate.ended(None)
    assert gate.room() == 5


def test_a_gate_says_when_to_come_back(clock: Clock) -> None:
    gate = Gate(8, clock)
    assert gate.retry_at == clock.now
    gate.started()
    gate.ended(Retryable("too_many_requests", 7.0, status=429))
    assert gate.retry_at == clock.now + 7


def test_a_provider_that_comes_back_is_not_stampeded(clock: Clock) -> None:
    """20,000 calls wait; each round of the provider's takes 0.1 s."""
    gate = Gate(64, clock, breaker=Breaker(clock, least=4, cooldown=2.0))
    gate.started(64)
    for _ in range(64):
        gate.ended(DOWN)
    clock.now += 2
    rounds = []
    for _ in range(9):
        room = gate.room()
        gate.started(room)
        clock.now += 0.1
        for _ in range(room):
            gate.ended(FINE)
        rounds.append(room)
    assert rounds == [1, 1, 2, 4, 8, 16, 32, 64, 64]


def test_one_orders_repeated_failure_opens_nothing_and_is_no_probe(clock: Clock) -> None:
    breaker = Breaker(clock, least=4, window=8, cooldown=2.0)
    opened = []

    def call(times: int, result: Result, *, repeated: bool = False) -> None:
        for _ in range(times):
            breaker.started()
            breaker.record(result, repeated=repeated)
        opened.append(breaker.is_open)

    call(20, DOWN, repeated=True)
    call(4, DOWN)
    clock.now += 2.0
    call(1, DOWN, repeated=True)
    clock.now += 2.0  # no longer than at first: another order is the probe
    assert breaker.room(8) == 1
    call(1, FINE, repeated=True)
    assert opened == [False, True, True, False]
