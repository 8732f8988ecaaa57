"""All indexer nodes: asks them for a caller, and knows who may hear that one is away."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import MappingProxyType
from urllib.parse import quote

import httpx2
from starlette.requests import Request
from starlette.types import Scope

from indexer.errors import NodeAwayError
from indexer.settings import Settings
from search_api.access import CALLER, Caller, CallerHeaders
from search_api.nodes.node import Node, NodeAnswer, WholeAnswer
from search_api.processes import REQUEST_ID
from search_api.search import VIEWER

SECONDS_MIN = 1.0
"""The time that each node gets, however long others took."""
WHOLE_MAX_BYTES = 4_000_000
"""The longest answer of one node that is read as a whole."""
_PASSED_HEADERS = frozenset(
    {
        *(b"accept", b"accept-encoding", b"accept-language", b"if-none-match", b"last-event-id"),
        *(b"traceparent", b"tracestate", b"user-agent", b"x-fragment"),
    }
)
"""Headers of a request that a node may need. Others stay here, and those of who asks above all."""
_DOTS = frozenset({".", ".."})
_SAFE = ":@!$&'()*+,;=~"
_QUERY_SAFE = _SAFE + '/?%[]{}|^`\\"<>'


class Nodes:
    """The nodes of the settings, in their order."""

    def __init__(self, settings: Settings) -> None:
        """Read the secret; :class:`SettingsError` without one."""
        self.requests: Counter[tuple[str, str]] = Counter()
        """Requests to nodes, by the name of the node and the class of the status."""
        tls = httpx2.create_ssl_context()
        self.all = [Node(one, tls=tls, counts=self.requests) for one in settings.node]
        self.owners = {name: node for node in self.all for name in node.registries}
        """The node of each registry."""
        self.seconds = settings.search_deadline.total_seconds()
        """How long an answer may take."""
        self._headers = CallerHeaders(settings)

    async def close(self) -> None:
        """Close all connections."""
        async with AsyncExitStack() as stack:
            for node in self.all:
                stack.push_async_callback(node.close)

    async def ask(
        self,
        node: Node,
        request: Request,
        *,
        seconds: float,
        method: str = "",
        query: str | None = None,
        changed: Mapping[str, str] = MappingProxyType({}),
    ) -> NodeAnswer:
        """Send a request on as its caller's, perhaps with another query; return its answer.

        Empty headers of ``changed`` are left out. :class:`NodeAwayError` if there is no answer.
        """
        scope = request.scope
        caller: Caller = scope.get(CALLER) or Caller("anonymous")
        passed = self._headers.make(scope, caller, registries=node.registries)
        own = {**passed, "x-request-id": REQUEST_ID.get(), **changed}
        sent: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _PASSED_HEADERS:
                sent[name] = sent[name] + b", " + value if name in sent else value
        sent |= {name.encode(): value.encode() for name, value in own.items()}
        return await node.ask(
            method or request.method,
            _target(scope, query),
            {name: value for name, value in sent.items() if value},
            seconds=seconds,
        )

    async def read(
        self, node: Node, request: Request, *, query: str | None = None
    ) -> WholeAnswer | None:
        """Return an answer with its body, of which the client has nothing yet.

        None if the node is away, and the viewer sees nothing of it. :class:`NodeAwayError` if they
        see something.
        """
        # The ETag of a part is not that of the whole, and a part must be readable here.
        changed = {"accept-encoding": "identity", "if-none-match": ""}
        try:
            answer = await self.ask(
                node, request, seconds=self.seconds, method="GET", query=query, changed=changed
            )
            return await answer.read(limit=WHOLE_MAX_BYTES, seconds=self.seconds)
        except NodeAwayError as error:
            if seen := await seen_of(node.registries):
                raise told(error, seen) from error
            return None


def _target(scope: Scope, query: str | None) -> str:
    """Return the path of a request, without that of ``public_url``, and its query or another."""
    inner = scope["path"].removeprefix(scope.get("root_path", ""))
    # Written out, ".." would lead to any other address of the node.
    parts = (
        one.replace(".", "%2E") if one in _DOTS else quote(one, safe=_SAFE)
        for one in inner.split("/")
    )
    path = "/".join(parts)
    if query is None:
        query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{quote(query, safe=_QUERY_SAFE)}" if query else path


async def seen_of(registries: Iterable[str]) -> list[str]:
    """Return those of some registries of which the viewer may see anything.

    Of others nobody is told that they are there, or that their node is away.
    """
    viewer = VIEWER.get()
    sight = await viewer.sight()
    rights = sight.rights
    if not sight.is_exact:
        rights = rights.with_repositories(await viewer.undecided())
    return [one for one in registries if rights.sees_registry(one) or one in sight.problems]


def told(error: NodeAwayError, registries: Sequence[str]) -> NodeAwayError:
    """Return an error that says what cannot be told because of it."""
    many = "registries" if len(registries) > 1 else "registry"
    return NodeAwayError(f"{error}; no details of {many} {', '.join(registries)} now")
