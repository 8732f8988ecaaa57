"""The texts of a document as blocks, in which a search looks for words."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.model.document import TEXT_END, Text, TextField, text_blocks
from indexer.model.text import fold

TEXTS = st.lists(
    st.tuples(
        st.sampled_from(TextField),
        st.text(alphabet=st.characters(exclude_characters=TEXT_END), max_size=8),
        st.sampled_from(["", "k", "K", "a.k"]),
    ).map(Text._make)
)


@given(TEXTS)
def test_a_block_has_the_texts_of_its_field_in_their_order(texts: list[Text]) -> None:
    blocks = text_blocks(texts)
    assert [one.field for one in blocks] == [
        field for field in TextField if any(text.field is field for text in texts)
    ]
    for block in blocks:
        found = [text for text in texts if text.field is block.field]
        assert list(block.texts()) == found
        assert block.folded == fold(block.joined)
        for wanted in ("", "k"):
            places = {n for n, key in enumerate(block.keys) if key == wanted}
            having = [n for n, text in enumerate(found) if text.key == wanted]
            assert list(block.with_keys(places)) == having


def test_what_ends_a_text_is_another_control_character_inside_of_one() -> None:
    (block,) = text_blocks([Text(TextField.TAG, f"a{TEXT_END}b"), Text(TextField.TAG, "c")])
    assert [text.text for text in block.texts()] == ["a\x01b", "c"]
