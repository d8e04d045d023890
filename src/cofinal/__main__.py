"""`python -m cofinal` is the command `cofinal`."""

import sys

from cofinal.cli.main import main

sys.exit(main())
