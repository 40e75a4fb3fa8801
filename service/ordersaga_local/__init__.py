"""Finds or starts a real Kafka and Postgres on a developer's machine, and runs the demo. Independent of ordersaga."""
