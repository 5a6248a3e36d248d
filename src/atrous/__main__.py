"""`python -m atrous VERB ...`, as `torchrun -m atrous` wants it."""

import sys

from atrous.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
