"""The port: what a payment provider does for the saga."""

from typing import Protocol

from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result
from ordersaga.domain.model.terms import Terms


class Provider(Protocol):
    """One merchant's account with one provider."""

    @property
    def terms(self) -> Terms: ...

    async def call(self, call: Call, deadline: float) -> Result:
        """Makes the call once, within `deadline` seconds in all, and says what came of it.

        Nothing is repeated here, and nothing is raised for what the network or the provider does. A task that is
        cancelled, or an exception of another kind, leaves open whether the call took effect.
        """
        ...

    async def close(self) -> None:
        """Closes the connections; calls under way are lost."""
        ...
