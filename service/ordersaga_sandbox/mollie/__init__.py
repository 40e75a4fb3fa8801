"""Mollie's Orders API v2, with the calls of payments, refunds and captures that belong to orders."""
