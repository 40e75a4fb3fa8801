"""Log lines for calls that failed and attentions that were raised, at a limited rate."""

from collections.abc import Iterable
from typing import Final, assert_never

import structlog

from ordersaga import telemetry
from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Call, Outcome
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.telemetry.limited import LimitedLog
from ordersaga.telemetry.traces import trace_id_of

_UNAUTHORIZED: Final = 401


class CallLog:
    """Names order, operation and the provider's correlation id."""

    def __init__(self) -> None:
        self._log = LimitedLog(structlog.get_logger(__name__))

    def called(self, key: Key, provider: str, call: Call, result: Result) -> None:
        """A call that succeeded has no line."""
        if isinstance(result, Succeeded):
            return
        event, reason = _described(result)
        write = self._log.error if result.status == _UNAUTHORIZED else self._log.warning
        write(
            event,
            merchant=key.merchant,
            subject=key.subject,
            provider=provider,
            operation=telemetry.operation_of(call),
            operation_id=call.operation.id if call.operation else None,
            trace_id=trace_id_of(call.operation.cause) if call.operation else None,
            correlation_id=result.correlation_id,
            status=result.status,
            reason=reason,
        )

    def decided(self, outcomes: Iterable[tuple[Key, Outcome]]) -> None:
        """Logs the attentions among them."""
        log = self._log
        for key, outcome in outcomes:
            if outcome.what != "attention_required" or outcome.refusal is None:
                continue
            operation = outcome.operation
            log.warning(
                "an attention was raised",
                merchant=key.merchant,
                subject=key.subject,
                reason=outcome.refusal.code,
                operation=operation.type if operation else None,
                operation_id=operation.id if operation else None,
                trace_id=trace_id_of(outcome.cause) if outcome.cause else None,
                correlation_id=outcome.refusal.correlation_id,
            )


def _described(result: Rejected | Retryable | Unknown) -> tuple[str, str]:
    """The event of the line, and the reason."""
    match result:
        case Rejected(code=code):
            return "a call was rejected", code
        case Retryable(reason=reason, status=status):
            rejected = status == _UNAUTHORIZED
            return "the provider rejects the credentials" if rejected else "a call is retried", reason
        case Unknown(reason=reason):
            return "the response to a call was lost", reason
        case _:
            assert_never(result)
