"""What each provider's notifications name."""

from collections.abc import Mapping
from typing import Final

from ordersaga.cli.accounts import KLARNA, MOLLIE
from ordersaga.providers.klarna import notifications as klarna
from ordersaga.providers.mollie import notifications as mollie
from ordersaga.web.notifications import NotificationKinds

NOTIFICATIONS: Final[Mapping[str, NotificationKinds]] = {
    KLARNA: NotificationKinds(klarna.KINDS, klarna.order_id_of),
    MOLLIE: NotificationKinds(mollie.KINDS, mollie.order_id_of, mollie.is_order_id),
}
