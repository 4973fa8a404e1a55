"""`python -m mcpwatch`."""

import sys

from mcpwatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
