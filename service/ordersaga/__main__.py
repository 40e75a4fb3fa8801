"""`python -m ordersaga`."""

import sys

from ordersaga.cli import main

if __name__ == "__main__":
    sys.exit(main())
