"""The `jgd` command, also `python -m jgd`."""

import sys

from jgd.commands import main as main

if __name__ == "__main__":
    sys.exit(main())
