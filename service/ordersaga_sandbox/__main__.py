"""`python -m ordersaga_sandbox --host 127.0.0.1 --port 8100`."""

import argparse

from ordersaga_sandbox.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="ordersaga_sandbox", description="A simulator of Klarna's APIs.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    options = parser.parse_args()
    serve(options.host, options.port)


if __name__ == "__main__":
    main()
