"""Attacks on a running service: floods, silent clients, hostile registries, damage.

Each test starts ``regsearch serve`` and speaks to it over real sockets. ``make attack`` runs them
in their full size and prints what was measured; otherwise they are small.
"""

import os

IS_FULL = os.environ.get("ATTACK") == "full"
"""Whether attacks have their full size, as ``make attack`` runs them."""
