"""Rows of Checkout orders, and of what comes of them."""

from typing import Final

from ordersaga.domain.deciding import (
    checkout,
    completing,
)
from ordersaga.domain.deciding.proofs import (
    ByCheckoutRead,
    NoEvidence,
)
from ordersaga.domain.model.events import (
    CheckoutAbandoned,
    CheckoutStarted,
    CheckoutUpdated,
)
from ordersaga.domain.operations.spec import OperationSpec

ROWS: Final = (
    OperationSpec(
        name="create_checkout",
        call_kind="placing",
        decides={CheckoutStarted: checkout.decide_start},
        succeed=checkout.created,
        refuse=checkout.not_created,
        outcomes=("checkout_created",),
        evidence=NoEvidence(harmless=True),  # the snippet, without which nobody can complete it, was lost as well
        moves_money=False,
        beside_review=True,
        without_order=True,
        creates_id=True,
    ),
    OperationSpec(
        name="update_checkout",
        decides={CheckoutUpdated: checkout.decide_update},
        succeed=checkout.updated,
        refuse=checkout.not_changed,
        outcomes=("checkout_updated",),
        evidence=ByCheckoutRead(checkout.shows_update),
        moves_money=False,
        takes_room=True,
        beside_review=True,
        without_order=True,
    ),
    OperationSpec(
        name="abandon_checkout",
        decides={CheckoutAbandoned: checkout.decide_abandon},
        succeed=checkout.abandoned,
        refuse=checkout.not_changed,
        outcomes=("checkout_abandoned",),
        evidence=ByCheckoutRead(checkout.shows_abandon, checkout.abandoned_too_late),
        moves_money=False,
        takes_room=True,
        beside_review=True,
        without_order=True,
    ),
    OperationSpec(
        name="complete_checkout",
        call_kind="reading",
        succeed=completing.read,
        refuse=completing.ended,
        outcomes=("authorized", "captured", "review_pending"),
        evidence=NoEvidence(),
        moves_money=False,
        only_reads=True,
        unread=completing.unread,
        gives_room=True,
    ),
    OperationSpec(
        name="confirm_checkout",
        call_kind="reading",
        succeed=completing.confirmed,
        refuse=completing.ended,
        outcomes=("checkout_abandoned",),
        evidence=NoEvidence(),
        moves_money=False,
        only_reads=True,
        unread=completing.unconfirmed,
    ),
    OperationSpec(
        name="acknowledge",
        succeed=completing.acknowledged,
        refuse=completing.not_acknowledged,
        leaves_rest=True,
        outcomes=("checkout_completed", "authorized", "captured", "review_pending"),
        evidence=NoEvidence(harmless=True),
        moves_money=False,
    ),
    OperationSpec(
        name="set_references",
        succeed=completing.acknowledged,
        refuse=completing.not_acknowledged,
        leaves_rest=True,
        outcomes=("checkout_completed", "authorized", "captured", "review_pending"),
        evidence=NoEvidence(harmless=True),
        moves_money=False,
    ),
)
