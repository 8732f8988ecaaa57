"""The block for the configuration of a registry, so that it notifies this service."""

import json
import socket

from indexer.settings import Settings
from search_api.processes import host_and_port, is_every_address

_BLOCK = """\
notifications:
  endpoints:
    - name: regsearch
      url: {url}
      headers:
        Authorization: [{authorization}]
      timeout: 5s
      threshold: 5
      backoff: 2s
"""
_NO_BLOBS = """\
      ignore:
        mediatypes: [application/octet-stream]
"""
_NO_PULLS = """\
        actions: [pull]
"""


def notification_block(settings: Settings, registry: str, *, secret: str) -> str:
    """Return the YAML for one registry, ready to paste, with its secret.

    Both ignore keys are needed, because some versions read ``actions`` only beside ``mediatypes``.
    Pulls are sent only if they are counted. A registry that caches another one sends pulls of blobs
    too, because they tell which configs it has.
    """
    # A JSON text is also a YAML text, with any signs in the secret.
    authorization = json.dumps(f"Bearer {secret}", ensure_ascii=False)
    block = _BLOCK.format(
        url=f"{_address(settings)}/webhooks/{registry}", authorization=authorization
    )
    named = [each for each in settings.registry if each.name == registry]
    if any(each.pull_through for each in named):
        return block
    return block + _NO_BLOBS + ("" if any(each.count_pulls for each in named) else _NO_PULLS)


def _address(settings: Settings) -> str:
    """Return where registries reach this service: as its users do, else at its own port.

    One of several nodes is reached as the search nodes reach it, which are where users ask.
    """
    if own := settings.own_node():
        return own.url
    if settings.public_url:
        return settings.public_url
    host, port = settings.address()
    if is_every_address(host):
        host = socket.gethostname()
    return f"http://{host_and_port(host, port)}"
