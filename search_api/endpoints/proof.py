"""How ``regsearch check`` learns as what a request arrives here, behind whatever proxies.

It proves with the webhook secrets that it is of this service. Others are told nothing, because what
proxies add to a request is of no concern to them.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version
from typing import Any

from starlette.requests import Request

PROOF_HEADER = "Regsearch-Check"
_SECONDS = 300
"""How long a proof is valid, and how far two clocks may differ."""
_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded")
_SHOWN_MAX = 300


class CheckProof:
    """Makes and recognises proofs; both sides have the same webhook secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the secrets of all registries; without any, nothing is proved."""
        known = sorted(set(secrets))
        text = "\0".join(["regsearch check", *known])
        self._key = hashlib.sha256(text.encode()).digest() if known else b""

    def make(self, now: datetime) -> str:
        """Return a value for :data:`PROOF_HEADER`; "" without a secret."""
        moment = str(int(now.timestamp()))
        return f"{moment} {self._sign(moment)}" if self._key else ""

    def is_valid(self, text: str, now: datetime) -> bool:
        """Tell whether somebody with our secrets made this value within the last minutes."""
        moment, _, signature = text.partition(" ")
        if not self._key or not (moment.isascii() and moment.isdigit() and len(moment) < 20):
            return False
        is_now = abs(now.timestamp() - int(moment)) <= _SECONDS
        return is_now and hmac.compare_digest(signature.encode(), self._sign(moment).encode())

    def _sign(self, moment: str) -> str:
        return hmac.new(self._key, moment.encode(), hashlib.sha256).hexdigest()


def arrival_json(request: Request) -> dict[str, Any]:
    """Return as what a request arrived: after what proxies say of it, as far as it is believed."""
    host, port = request.client or ("", 0)
    return {
        "version": version("regsearch"),
        "host": request.headers.get("host", "")[:_SHOWN_MAX],
        "scheme": request.url.scheme,
        "client": host,
        "client_port": port,
        "forwarded": {
            name: request.headers[name][:_SHOWN_MAX]
            for name in _FORWARDED
            if name in request.headers
        },
    }
