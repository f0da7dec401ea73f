"""`python -m nn`: see `nn.demos.command_line`."""

import sys

from nn.demos.command_line import main

if __name__ == "__main__":
    sys.exit(main())
