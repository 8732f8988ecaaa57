"""``python -m search_api`` is the command line.

Processes that search import nothing of this: of a ``__main__`` no more than of a program.
"""

from search_api.cli import main

main()
