"""Writing to a generation: each change has a number, so that none replaces a newer one."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
from typing_extensions import override

from indexer.engines.opensearch.client import Cluster, error_of
from indexer.engines.opensearch.generation import GenerationIndexes
from indexer.engines.opensearch.match import total_of
from indexer.engines.opensearch.schema import WORD, encode
from indexer.engines.protocol import WRITTEN_IN_ORDER, EncodedDocument, IndexWriter
from indexer.errors import EngineAwayError, EngineError
from indexer.model import Document, DocumentType

_CHUNK_BYTES = 5 * 1024 * 1024
_CHUNK_ACTIONS = 2_000
"""How much one request writes. The cluster keeps all of it in memory, in each copy."""
_FILLED_DOCUMENTS = 500
"""So many documents are gathered while a generation is filled: a request each would take longer."""
_WORDS_KEPT = 200_000
"""So many words are known to be there. A word that is sent again does no harm."""
_CHANGE_BITS = 32
"""A writer makes fewer changes than this has values."""
PATIENCE_SECONDS = 5.0
"""How long one call waits for a cluster that is away. Its caller goes on trying after that."""
_PAUSE_SECONDS = 0.1
_PAUSE_SECONDS_MAX = 3.0
_WRITTEN = 300
"""States from here on are errors, but for those of a change that a newer one came before."""
_CONFLICT = 409


class _Action(NamedTuple):
    """A change of one document, as lines of a bulk request."""

    id: str
    lines: bytes


class OpenSearchWriter(IndexWriter):
    """Changes a generation. ``number`` is greater than that of any writer before it.

    A change that the cluster does not take for now is repeated, for ``patience`` seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        indexes: GenerationIndexes,
        *,
        number: int,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cluster = cluster
        self._indexes = indexes
        self._version = number << _CHANGE_BITS
        self._patience = patience
        self._sleep = sleep
        self._filled: dict[DocumentType, dict[str, EncodedDocument]] = {
            kind: {} for kind in WRITTEN_IN_ORDER
        }
        """What was filled and is yet to be sent, by id: the last one of each counts."""
        self._words = set[str]()
        self._has_new_words = True
        """Those of a writer before, which ended before it had them shown, are new too."""

    @override
    def apply(
        self, document_type: DocumentType, documents: Sequence[Document], removed: Sequence[str]
    ) -> None:
        given = {document.key.id: document for document in documents}
        if not given and not removed:
            return
        encoded = list(map(encode, given.values()))
        dropped = [one for one in dict.fromkeys(removed) if one not in given]
        self._send_filled()
        self._change(document_type, encoded, dropped)
        self._refresh(document_type)

    @override
    def fill(self, document_type: DocumentType, documents: Iterable[EncodedDocument]) -> None:
        filled = self._filled[document_type]
        for document in documents:
            filled[document.key.id] = document
            if len(filled) >= _FILLED_DOCUMENTS:
                self._send_filled()

    @override
    def commit_filled(self) -> None:
        self._send_filled()
        self._refresh(*WRITTEN_IN_ORDER)

    @override
    def optimize(self) -> None:
        # The cluster merges by itself.
        self.commit_filled()

    @override
    def count(self, document_type: DocumentType) -> int:
        body = {"query": {"match_all": {}}, "size": 0, "track_total_hits": True}
        alias = self._indexes.alias(document_type)
        return total_of(self._cluster.search(alias, body))

    @override
    def close(self) -> None:
        self._cluster.close()

    def _send_filled(self) -> None:
        """Write what was filled; after an error it is written by the next call."""
        for document_type, filled in self._filled.items():
            if filled:
                self._change(document_type, list(filled.values()), [])
                filled.clear()

    def _change(
        self, document_type: DocumentType, documents: Sequence[EncodedDocument], removed: list[str]
    ) -> None:
        self._version += 1
        # Whoever finds a document finds its words too.
        self._add_words(documents)
        alias = self._indexes.alias(document_type)
        self._write(alias, _actions(documents, removed, self._version))

    def _add_words(self, documents: Sequence[EncodedDocument]) -> None:
        new = {word for _, (_, words) in documents for word in words} - self._words
        if not new:
            return
        self._has_new_words = True
        self._write(self._indexes.words, map(_word_action, sorted(new)))
        if len(self._words) + len(new) > _WORDS_KEPT:
            self._words.clear()
        self._words |= new

    def _refresh(self, *document_types: DocumentType) -> None:
        """Have searches see all that was written."""
        aliases = [self._indexes.words] if self._has_new_words else []
        aliases += map(self._indexes.alias, document_types)
        for alias in aliases:
            found = self._patiently(partial(self._ask_refresh, alias))
            if failed := found["_shards"]["failed"]:
                raise EngineAwayError(f"{failed} shards of {alias} were not refreshed")
        self._has_new_words = False

    def _ask_refresh(self, alias: str) -> Any:
        return self._cluster.ask("POST", f"/{alias}/_refresh", seconds=60)

    def _write(self, alias: str, actions: Iterable[_Action]) -> None:
        for chunk in _chunks(actions):
            self._write_chunk(alias, chunk)

    def _write_chunk(self, alias: str, chunk: list[_Action]) -> None:
        left = chunk

        def write() -> None:
            nonlocal left
            body = b"".join(action.lines for action in left)
            # Without an alias the cluster would make an index of that name.
            answer = self._cluster.ask(
                "POST", f"/{alias}/_bulk", body, seconds=30, timeout="20s", require_alias="true"
            )
            left, error = _refused(left, answer)
            if error is not None:
                raise error

        self._patiently(write)

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """Return what a call returns; it is repeated while the cluster is away."""
        waited, pause = 0.0, _PAUSE_SECONDS
        while True:
            try:
                return call()
            except EngineAwayError:
                if waited >= self._patience:
                    raise
            self._sleep(pause)
            waited += pause
            pause = min(2 * pause, _PAUSE_SECONDS_MAX)


def _actions(
    documents: Sequence[EncodedDocument], removed: Sequence[str], version: int
) -> Iterator[_Action]:
    of_version = {"version": version, "version_type": "external"}
    for key, (fields, _) in documents:
        head = orjson.dumps({"index": {"_id": key.id, **of_version}})
        yield _Action(key.id, b"%s\n%s\n" % (head, fields))
    for document_id in removed:
        head = orjson.dumps({"delete": {"_id": document_id, **of_version}})
        yield _Action(document_id, b"%s\n" % head)


def _word_action(word: str) -> _Action:
    # It never changes, so one that is there is right.
    lines = orjson.dumps({"create": {"_id": word}}), orjson.dumps({WORD: word})
    return _Action(word, b"%s\n%s\n" % lines)


def _chunks(actions: Iterable[_Action]) -> Iterator[list[_Action]]:
    chunk, size = list[_Action](), 0
    for action in actions:
        if chunk and (size + len(action.lines) > _CHUNK_BYTES or len(chunk) >= _CHUNK_ACTIONS):
            yield chunk
            chunk, size = [], 0
        chunk.append(action)
        size += len(action.lines)
    if chunk:
        yield chunk


def _refused(actions: list[_Action], answer: Any) -> tuple[list[_Action], Exception | None]:
    """Return the actions that were not done, and why, if that may be another time.

    :class:`EngineError` if one never can be done.
    """
    if not answer["errors"]:
        return [], None
    left, error = list[_Action](), None
    for action, item in zip(actions, answer["items"], strict=True):
        (done,) = item.values()
        if done["status"] < _WRITTEN or done["status"] == _CONFLICT or "error" not in done:
            # Removing what is not there is no error either.
            continue
        found = error_of(done["status"], done["error"])
        if not isinstance(found, EngineAwayError):
            raise EngineError(f"document {action.id!r} cannot be indexed: {found}")
        left.append(action)
        error = found
    return left, error
