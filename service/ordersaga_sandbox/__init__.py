"""A simulator of the payment providers' APIs with a control plane for time, decisions and faults.

Knows nothing of ordersaga: an ASGI app of its own (`create_app`), served by `serve` or, in tests, by `running`.
What it simulates and how it is steered: docs/sandbox.md.
"""

from ordersaga_sandbox.app import Sandbox, create_app
from ordersaga_sandbox.server import running, serve
from ordersaga_sandbox.switches import Switches

__all__ = ["Sandbox", "Switches", "create_app", "running", "serve"]
