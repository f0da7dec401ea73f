"""`python -m nn`: see `nn.demos.command_line`."""

import sys

from nn.demos.command_line import main

sys.exit(main())
