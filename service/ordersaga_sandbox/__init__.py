"""A simulator of the payment provider's APIs, with a control plane for time, decisions and faults.

It is independent of ordersaga: an ASGI app (`create_app`), served by `serve` or, in tests, by `running`.
What it simulates and how to control it: docs/sandbox.md.
"""

from ordersaga_sandbox.app import Sandbox, create_app
from ordersaga_sandbox.server import Tls, running, serve
from ordersaga_sandbox.switches import Switches

__all__ = ["Sandbox", "Switches", "Tls", "create_app", "running", "serve"]
