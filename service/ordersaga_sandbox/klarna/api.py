"""All routes of Klarna."""

from typing import Final

from ordersaga_sandbox.klarna import checkout, customer_tokens, order_management, payments

ROUTES: Final = (*payments.ROUTES, *customer_tokens.ROUTES, *checkout.ROUTES, *order_management.ROUTES)
