"""Klarna's APIs, one module each: `payments` (v1: sessions, authorizations) and `order_management` (v1)."""

from ordersaga_sandbox.klarna import order_management, payments

ROUTES = (*payments.ROUTES, *order_management.ROUTES)
