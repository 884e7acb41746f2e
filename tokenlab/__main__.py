"""`python -m tokenlab` is the command `tokenlab`."""

import sys

from tokenlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
