"""A hook of MkDocs: what is linked outside of docs/ is shown by the repository of the project.

On the forge such links are relative and work as they are; the site has only what is in docs/.
"""

import re
from typing import Any

_OUTSIDE = re.compile(r"(?<=\]\()\.\./(?=[\w.])")


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Return the text of a page with the addresses of files that the site does not have.

    MkDocs calls this for each page, with its settings as ``config``.
    """
    return _OUTSIDE.sub(f"{config['repo_url'].rstrip('/')}/blob/main/", markdown)
