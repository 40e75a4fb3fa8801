"""The filters of `ordersaga dead-letters`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cyclopts import Parameter

if TYPE_CHECKING:
    from ordersaga.store.dead_letters import DeadLetterFilter


@Parameter(name="*")
@dataclass(frozen=True)
class Selection:
    """Which dead letters.

    Parameters
    ----------
    code
        Only those with this code.
    group
        Only those with this problem, as `list --groups` prints it.
    order
        Only of the order with this id of the shop.
    merchant
        Only of this merchant.
    since
        Only those that became dead letters at this time or later. Without a zone it is UTC.
    until
        Only those that became dead letters before this time.

    """

    code: str | None = None
    group: str | None = None
    order: str | None = None
    merchant: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def filter(self) -> "DeadLetterFilter":
        from ordersaga.store.dead_letters import DeadLetterFilter

        return DeadLetterFilter(
            merchant=self.merchant,
            subject=self.order,
            code=self.code,
            fingerprint=self.group,
            since=_seconds(self.since),
            until=_seconds(self.until),
        )


ALL: Final = Selection()


def _seconds(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
