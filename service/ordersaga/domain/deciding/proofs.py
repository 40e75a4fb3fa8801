"""What proves that an operation took effect when its answer was lost: one of these for each row of the table of operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ordersaga.domain.deciding import findings
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.order import Operation, Order
from ordersaga.domain.model.results import CheckoutSeen, Snapshot

ORDER: Final = "the order at the provider by its merchant reference"


@dataclass(frozen=True, slots=True)
class ByReading:
    """A read of the order shows it, or that it's absent. `unaccounted`: money of its kind that no list explains.

    `search`: of what makes the order, whose id was lost with the answer; it is looked for among all of the provider's.
    """

    find: findings.Finder
    unaccounted: Callable[[Order, Snapshot], int] | None = None
    search: bool = False
    look_up: str = ORDER


@dataclass(frozen=True, slots=True)
class ByRepeating:
    """The same request gets the same answer while the provider remembers it; after that the authorization is withdrawn."""

    look_up: str = ORDER


@dataclass(frozen=True, slots=True)
class ByKey:
    """The same key gets the same answer; once the provider may have forgotten it, a person has to look up `look_up`.

    `harmless`: done twice or not at all, it does no harm. It ends by itself then, and sooner if other events wait for it.
    """

    look_up: str
    harmless: bool = False


@dataclass(frozen=True, slots=True)
class NoEvidence:
    """It can only be repeated, and then a person has to look.

    `gone_is_done`: a 404 to a repeat proves it. `once`: a repeat might do it again, so that a lost answer goes to a
    person at once. `harmless`: whatever the attempts did whose answer was lost, nobody can use it, or it is as
    wanted; a refusal of a repeat simply ends it.
    """

    gone_is_done: bool = False
    once: bool = False
    harmless: bool = False
    look_up: str = ORDER


@dataclass(frozen=True, slots=True)
class ByTokenRead:
    """It ends by a read of the customer token alone: a success only says that it was accepted."""

    look_up: str = "the customer token at the provider"


@dataclass(frozen=True, slots=True)
class ByCheckoutRead:
    """A repeat asks for the same again; after the refusal of one, a read of the Checkout order shows whether it took effect.

    `shows`: of what was read, None where the provider has no such Checkout order any more. It is None where the read
    can't tell: then it is sent again. `gone`: instead of a refusal that says so, as it proves nothing.
    """

    shows: Callable[[Order, Operation, CheckoutSeen | None], bool | None]
    gone: Callable[[DecisionBuilder, Operation], None] | None = None
    look_up: str = "the Checkout order at the provider"


Evidence = ByReading | ByRepeating | ByKey | ByTokenRead | ByCheckoutRead | NoEvidence
