"""Sends deliveries when the virtual clock has reached their time, and calls the merchant during a purchase."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ordersaga_sandbox.deliveries import Attempt, Delivery
from ordersaga_sandbox.loopback import is_loopback
from ordersaga_sandbox.state import SandboxState

_LONGEST_SLEEP: Final = 3_600.0
_SHORTEST_SLEEP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """What the merchant responded."""

    status: int
    location: str | None
    body: bytes


class Courier:
    """Works in the event loop of the app: a timer for what is due next, and a task for each attempt in progress."""

    def __init__(self, state: Callable[[], SandboxState]) -> None:
        self._state = state
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for: tuple[float, float] | None = None

    def arm(self) -> None:
        """Starts what is due and sets the timer; to be called after whatever may have changed either."""
        state = self._state()
        if state.deliveries.ready or state.errands:
            self._start(state)
        due = state.next_due()
        armed_for = None if due is None else (due, state.clock.offset)
        if armed_for != self._armed_for:
            self._stop_timer()
            if due is not None:
                sleep = min(max(due - state.clock.now(), _SHORTEST_SLEEP), _LONGEST_SLEEP)
                self._timer = asyncio.get_running_loop().call_later(sleep, self._wake)
                self._armed_for = armed_for

    async def send_due(self) -> None:
        """Returns when nothing is due any more, repetitions included."""
        while True:
            self._run_due()
            if not self._tasks:
                return
            await asyncio.wait(self._tasks)

    async def send(self, delivery: Delivery) -> None:
        """One attempt now, in addition to those that are planned."""
        await self._attempt(self._state(), delivery)

    async def call(self, delivery: Delivery, seconds: float) -> Answer | None:
        """A call during a purchase, entered in the log. None: no response in that time (real seconds)."""
        state = self._state()
        state.deliveries.log(delivery)
        answer = await self._post(state, delivery, seconds)
        if delivery.state == "waiting":
            delivery.end("delivered" if answer is not None else "given_up")
        return answer

    def stop(self) -> None:
        """Drops attempts in progress."""
        self._stop_timer()
        for task in self._tasks:
            task.cancel()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._armed_for = None

    def _wake(self) -> None:
        self._timer = self._armed_for = None
        self._run_due()

    def _run_due(self) -> None:
        self._state().run_due()
        self.arm()

    def _start(self, state: SandboxState) -> None:
        ready, state.deliveries.ready = state.deliveries.ready, []
        errands, state.errands = state.errands, []
        for delivery in ready:
            self._begin(self._deliver(state, delivery))
        for errand in errands:
            self._begin(self._run(errand(self)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        await errand
        self._run_due()

    async def _deliver(self, state: SandboxState, delivery: Delivery) -> None:
        due = delivery.due_at
        if due is None:
            return
        if delivery.acknowledged():
            delivery.end("acknowledged")
            return
        succeeded = await self._attempt(state, delivery)
        if delivery.due_at != due or state is not self._state():
            return  # stopped or postponed meanwhile
        if delivery.acknowledged():
            delivery.end("acknowledged")
        elif succeeded and delivery.stops_on_success:
            delivery.end("delivered")
        elif (following := next(delivery.retries, None)) is None:
            delivery.end("given_up")
        else:
            state.deliveries.plan(delivery, following + state.switches.delivery_delay)
        self._run_due()

    async def _attempt(self, state: SandboxState, delivery: Delivery) -> bool:
        """Whether one of the copies was received: the response was a 2xx, or 200 where only that counts."""
        seconds = state.switches.delivery_seconds
        if delivery.kind in {"order_webhook", "payment_webhook"}:
            seconds = state.switches.mollie_webhook_seconds
        each = min(2, seconds) if delivery.kind == "authorization" else None
        copies = range(state.switches.delivery_copies)
        answers: Sequence[Answer | None] = await asyncio.gather(
            *(self._post(state, delivery, seconds, each) for _ in copies)
        )
        return any(
            answer is not None and 200 <= answer.status < (201 if delivery.only_200 else 300) for answer in answers
        )

    async def _post(
        self, state: SandboxState, delivery: Delivery, seconds: float, each: float | None = None
    ) -> Answer | None:
        """Adds an attempt to the delivery. None: there was no response.

        `seconds`: for the whole attempt, or with `each` so many for connecting and so many for the response.
        """
        attempt = Attempt(at=state.clock.now())
        delivery.attempts.append(attempt)
        local = is_loopback(delivery.url)
        if not local and not state.switches.deliveries_anywhere:
            attempt.error = "not sent: not on this machine, and deliveries_anywhere is off"
            delivery.end("blocked")
            return None
        if delivery.losses or delivery.kind in state.switches.lost_deliveries:
            delivery.losses = max(0, delivery.losses - 1)
            attempt.error = "lost"
            return None
        headers = {"content-type": delivery.content_type} if delivery.body else {}
        try:
            async with (
                asyncio.timeout(None if each else seconds),
                httpx.AsyncClient(timeout=each, verify=not local, trust_env=False) as client,
            ):
                response = await client.post(delivery.url, content=delivery.body, headers=headers)
                answer = Answer(response.status_code, response.headers.get("location"), response.content)
        except (TimeoutError, httpx.TimeoutException):
            attempt.error = "no response in time"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            attempt.error = f"failed: {type(error).__name__}"
        else:
            attempt.status = answer.status
            return answer
        return None
