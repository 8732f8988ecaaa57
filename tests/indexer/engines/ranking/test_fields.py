"""What is stored with a document."""

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
def test_texts_are_read_as_they_were_stored(texts: tuple[Text, ...]) -> None:
    assert read_texts(stored_texts(document("one", texts=texts))) == text_blocks(texts)
