"""Klarna's APIs, one module each: `payments` (v1: sessions, authorizations) and `order_management` (v1)."""
