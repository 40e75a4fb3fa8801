"""`python -m ordersaga_sandbox --host 127.0.0.1 --port 8100`."""

import argparse
from pathlib import Path

from ordersaga_sandbox.server import Tls, serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="ordersaga_sandbox", description="A simulator of Klarna's and Mollie's APIs.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--certificate", type=Path, help="a PEM file, for https; with --key")
    parser.add_argument("--key", type=Path)
    options = parser.parse_args()
    if (options.certificate is None) != (options.key is None):
        parser.error("https needs both --certificate and --key")
    serve(options.host, options.port, Tls(options.certificate, options.key) if options.key is not None else None)


if __name__ == "__main__":
    main()
