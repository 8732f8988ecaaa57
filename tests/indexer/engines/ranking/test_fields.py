"""What is stored with a document."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from indexer.engines.ranking.fields import read_texts, stored_texts
from indexer.model.document import Text, TextField, text_blocks
from tests.indexer.engines.conformance.generator import document

TEXTS = st.lists(
    st.tuples(st.sampled_from(TextField), st.text(max_size=5), st.sampled_from(["", "k", "ü"])).map(
        Text._make
    )
).map(tuple)


@given(TEXTS)
def test_texts_are_read_as_they_were_stored_now_and_before(texts: tuple[Text, ...]) -> None:
    """An index keeps the documents that an earlier version wrote, until they are made again."""
    assert read_texts(stored_texts(document("one", texts=texts))) == text_blocks(texts)
    before = orjson.dumps([(text.field.value, text.text, text.key) for text in texts])
    assert read_texts(before) == text_blocks(texts)
