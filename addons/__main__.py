"""Run the firewall: `python -m addons --policy FILE --port 8080`."""

from __future__ import annotations

import sys

from addons.serve import main

if __name__ == "__main__":
    sys.exit(main())
