"""Binds this process to the one that started it; imported by the nursery alone, before the others.

While the nursery imports, it does not notice that the web process ends. So Linux ends it then.
Elsewhere it ends when it has imported all. Who is forked by it is not bound.
"""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""The number of that operation of the kernel, see ``man 2 prctl``."""

if sys.platform == "linux":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
