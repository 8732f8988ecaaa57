"""What an indexer node tells search nodes about layers. It is for them alone."""

import hmac
from collections.abc import Sequence

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from indexer.errors import InvalidValueError
from search_api.search import LINEAGE_PATH, SearchService, read_rights

_BODY_BYTES_MAX = 64 * 1024 * 1024
"""Rights may have a hundred thousand names."""


class NodeLineage:
    """Answers which chains a condition stands for, for somebody with some rights."""

    def __init__(self, service: SearchService, *, secret: str, registries: Sequence[str]) -> None:
        """Take the secret of the nodes, and the registries of this one."""
        self._service = service
        self._secret = f"Bearer {secret}"
        self._registries = registries

    def routes(self) -> list[Route]:
        """Return the route to mount."""
        return [Route(LINEAGE_PATH, self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> JSONResponse:
        """Answer a search node; 404 to all others, as if there was nothing."""
        sent = request.headers.get("authorization", "")
        if not hmac.compare_digest(sent.encode(), self._secret.encode()):
            raise HTTPException(404)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _BODY_BYTES_MAX:
                raise HTTPException(413)
        try:
            asked = orjson.loads(body)
            rights = read_rights(asked["rights"], self._registries)
            kind, name, is_prefix = asked["kind"], str(asked["name"]), bool(asked["is_prefix"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidValueError("this is not what a search node asks") from error
        chains = await self._service.lineage(rights, kind, name, is_prefix=is_prefix)
        return JSONResponse({"chains": chains})
