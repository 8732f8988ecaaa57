"""Requests to an OpenSearch cluster, and the errors of its answers.

An answer that is not whole is an error: one of shards that failed or took too long would be a
shorter list, and nobody would know.
"""

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson
import structlog
from opensearchpy import (
    ImproperlyConfigured,
    JSONSerializer,
    OpenSearch,
    OpenSearchException,
    TransportError,
)
from opensearchpy.connection_pool import RandomSelector
from typing_extensions import override
from urllib3 import Timeout

from indexer.engines.opensearch.patience import Patience
from indexer.errors import EngineAwayError, EngineError, QueryError

log = structlog.get_logger()

Result = TypeVar("Result")

_AWAY = frozenset({"N/A", "TIMEOUT", 401, 403, 408, 429, 500, 502, 503, 504})
"""The states of answers that say nothing of the search index. 403 is that of an index that somebody
made read-only, and of a password that was changed. Whoever runs the cluster puts it right."""
CONNECT_SECONDS = 2.0
"""How long a node may take to be reached. Nobody refuses a connection to a machine that is gone,
and one search may need several."""
BUSY_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between the tries of a search of a busy cluster. Memory is free again after such a time;
where it is not, more requests would make it worse."""
_TOO_MUCH = ("too_many_clauses", "too_many_nested_clauses", "too_complex_to_determinize")


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Where a cluster is, and how to ask it."""

    urls: tuple[str, ...]
    """Of one node or several, or of a proxy before them."""
    username: str = ""
    password: str = ""
    ca_file: Path | None = None
    """Certificates to trust, beside those that the system trusts."""
    timeout: float = 10.0
    """Seconds until a search that is not answered ends."""


class _CopyLostError(EngineAwayError):
    """A copy of an index did not answer; another one may."""


class _BusyError(EngineAwayError):
    """The cluster has no room for a search at this moment."""


_OF_STATUS: Mapping[object, type[EngineAwayError]] = {
    # What a search gets if a node leaves while it searches.
    **dict.fromkeys((500, 502, 503), _CopyLostError),
    429: _BusyError,
}


class _Json(JSONSerializer):  # type: ignore[no-any-unimported,misc,unused-ignore]
    """Reads answers faster than the library does."""

    @override
    def loads(self, s: str) -> Any:
        return orjson.loads(s)


class Cluster:
    """A client of a cluster. It belongs to one thread."""

    def __init__(self, address: ClusterAddress) -> None:
        # What went wrong is in our errors; the library would write it to the log once more.
        logging.getLogger("opensearch").setLevel(logging.CRITICAL)
        is_several = len(address.urls) > 1
        credentials = (address.username, address.password) if address.username else None
        try:
            self._client = OpenSearch(
                list(address.urls),
                http_auth=credentials,
                ssl_context=_tls_context(address),
                # A node that hangs must leave another one time to answer.
                timeout=_times(address.timeout / (2 if is_several else 1)),
                max_retries=len(address.urls) - 1,
                retry_on_timeout=is_several,
                serializer=_Json(),
                # By turns would be the first node always: each search has a thread of its own.
                selector_class=RandomSelector,
            )
        except (ImproperlyConfigured, ValueError, OSError) as error:
            # Such as a file of certificates that is being replaced.
            raise EngineAwayError(f"the OpenSearch cluster cannot be asked: {error}") from error
        self._patience = Patience(
            [
                partial(_ping, one)
                for one, _ in self._client.transport.connection_pool.connection_opts
            ]
        )

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        seconds: float | None = None,
        **parameters: str | int,
    ) -> Any:
        """Return the JSON of an answer. ``body`` is bytes, or what becomes JSON.

        ``seconds`` are those to wait; by default those of a search.

        :class:`EngineAwayError` if the cluster does not answer, or refuses for now,
        :class:`QueryError` if a query is too much, and :class:`EngineError` for all other errors.
        """
        sent = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        with client_errors():
            return self._client.transport.perform_request(
                method, path, params=parameters, body=sent, timeout=seconds and _times(seconds)
            )

    def change(self, method: str, path: str, body: object = None, **parameters: str | int) -> Any:
        """Ask for a change of indexes: as ``ask``, but it has a minute."""
        wait = {"cluster_manager_timeout": "50s"}
        found = self.ask(method, path, body, seconds=60, **wait, **parameters)
        if not found["acknowledged"]:
            raise EngineAwayError(f"{path}: not all nodes of the cluster did it in time")
        return found

    def search(self, alias: str, body: object) -> Any:
        """Return the answer to a search of one index, if it is whole."""
        ask = partial(
            self.ask_soon,
            "POST",
            f"/{alias}/_search",
            body,
            allow_partial_search_results="false",
        )
        return _tried_again(lambda: check_whole(ask()))

    def ask_soon(self, method: str, path: str, body: object, **parameters: Any) -> Any:
        """Ask as ``ask`` does, but give up within some seconds where no node answers anything.

        So somebody who waits hears soon that all of a cluster hangs.
        """
        return self._patience.call(partial(self.ask, method, path, body, **parameters))

    def search_each(self, alias: str, bodies: Sequence[object]) -> list[Any]:
        """Return the answers to some searches of one index, if all of them are whole."""
        head = {"index": alias, "allow_partial_search_results": False}
        lines = [line for body in bodies for line in (orjson.dumps(head), orjson.dumps(body))]
        ask = partial(self.ask_soon, "POST", "/_msearch", b"\n".join([*lines, b""]))

        def search() -> list[Any]:
            found: list[Any] = ask()["responses"]
            for answer in found:
                if "error" in answer:
                    raise error_of(answer["status"], answer["error"])
                check_whole(answer)
            return found

        return _tried_again(search)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


def _tried_again(search: Callable[[], Result]) -> Result:
    """Return the result of a search that is repeated where that helps.

    It is repeated once if a node left meanwhile, and some times, later and later, while the
    cluster is busy.
    """
    lost_pauses, busy_pauses = iter([0.0]), iter(BUSY_PAUSES)
    while True:
        try:
            return search()
        except (_CopyLostError, _BusyError) as error:
            pause = next(lost_pauses if isinstance(error, _CopyLostError) else busy_pauses, None)
            if pause is None:
                # Other processes get it, which have no client.
                raise EngineAwayError(str(error)) from error
            log.info("search_repeated", reason=str(error))
        time.sleep(pause)


def _times(seconds: float) -> Any:
    """Return how long a request may take, as the library below the client reads it."""
    return Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)


def _ping(connection: Any, seconds: float) -> bool:
    """Tell whether a node answers anything, be it that it refuses."""
    try:
        connection.perform_request("GET", "/", timeout=seconds)
    except TransportError as error:
        return isinstance(error.status_code, int)
    return True


def _tls_context(address: ClusterAddress) -> ssl.SSLContext | None:
    if not any(url.startswith("https:") for url in address.urls):
        return None
    # The library would trust those that come with it, and not those of the system.
    context = ssl.create_default_context()
    if address.ca_file is not None:
        context.load_verify_locations(address.ca_file)
    return context


def check_whole(answer: Any) -> Any:
    """Return the answer to a search; :class:`EngineAwayError` if some shards did not answer."""
    failed = answer["_shards"]["failed"]
    if answer["timed_out"] or failed:
        whole = "the OpenSearch cluster did not answer as a whole"
        if failed:
            raise _CopyLostError(f"{whole}: {failed} shards failed")
        raise EngineAwayError(f"{whole}: it took too long")
    return answer


def error_of(status: object, error: object) -> EngineError | QueryError:
    """Return the error for a state and what the cluster says beside it."""
    text = error if isinstance(error, str) else orjson.dumps(error).decode()
    if any(kind in text for kind in _TOO_MUCH):
        return QueryError("the query means too many words: ask for less of it", column=1)
    reason = _reason(error)
    if status in _AWAY:
        kind = _OF_STATUS.get(status, EngineAwayError)
        return kind(f"the OpenSearch cluster refuses for now: {status}, {reason}")
    return EngineError(f"the OpenSearch cluster answered {status}: {reason}")


@contextmanager
def client_errors() -> Iterator[None]:
    """Turn the errors of the client into ours."""
    try:
        yield
    except TransportError as error:
        if not isinstance(error.status_code, int):
            raise EngineAwayError(f"the OpenSearch cluster is away: {error.error}") from error
        info = error.info if isinstance(error.info, Mapping) else {}
        raise error_of(error.status_code, info.get("error", error.error)) from error
    except (OpenSearchException, ValueError, TypeError) as error:
        # A text that JSON cannot hold, or an answer that is none.
        raise EngineError(f"the OpenSearch cluster cannot be asked: {error!r}") from error


def _reason(error: object) -> str:
    """Return what an error says, shortly: its deepest cause that has words."""
    if not isinstance(error, Mapping):
        return str(error)[:300]
    causes = error.get("root_cause") or [error.get("caused_by") or error]
    first = causes[0] if isinstance(causes, Sequence) else error
    kind, reason = first.get("type", ""), first.get("reason", "")
    return f"{kind}: {reason}"[:300]
