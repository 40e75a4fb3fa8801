"""The real parts on a developer's machine: finds or starts Kafka and Postgres. Knows nothing of ordersaga."""
