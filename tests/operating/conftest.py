from roles_harness import plain_logs

__all__ = ["plain_logs"]
