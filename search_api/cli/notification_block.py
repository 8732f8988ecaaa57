"""The block for a registry's own configuration that makes it notify this service."""

import json
import socket

from indexer.settings import Settings

_BLOCK = """\
notifications:
  endpoints:
    - name: regsearch
      url: {url}
      headers:
        Authorization: [{authorization}]
      timeout: 1s
      threshold: 5
      backoff: 2s
      ignore:
        mediatypes: [application/octet-stream]
"""
_NO_PULLS = """\
        actions: [pull]
"""
_EVERY_ADDRESS = {"0.0.0.0", "::", ""}  # noqa: S104 - recognised, not bound


def notification_block(settings: Settings, registry: str, *, secret: str) -> str:
    """Return the YAML for one registry, ready to paste, its secret included.

    Both ignore keys are needed: some versions heed ``actions`` only beside ``mediatypes``. Pulls
    are only sent where they are counted.
    """
    host, port = settings.address()
    if host in _EVERY_ADDRESS:
        host = socket.gethostname()
    if ":" in host:
        host = f"[{host}]"
    # Text in JSON is text in YAML too, whatever signs are in a secret.
    authorization = json.dumps(f"Bearer {secret}", ensure_ascii=False)
    block = _BLOCK.format(
        url=f"http://{host}:{port}/webhooks/{registry}", authorization=authorization
    )
    counting = {each.name for each in settings.registry if each.count_pulls}
    return block if registry in counting else block + _NO_PULLS
