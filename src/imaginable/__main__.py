"""`python -m imaginable`, also under torchrun."""

import sys

from imaginable.cli import main

if __name__ == "__main__":
    sys.exit(main())
