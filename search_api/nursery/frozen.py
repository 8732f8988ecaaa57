"""Keeps all that was imported so far as it is; imported by the nursery alone, after the others.

A look for garbage writes to every object, and so copies their memory for each forked process.
"""

import gc

gc.collect()
gc.freeze()
