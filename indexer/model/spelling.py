"""How far apart two spellings are, for queries, engines and suggestions alike."""

EDITS_MAX = 2
_ONE_EDIT = 3
_TWO_EDITS = 6


def edits_allowed(word: str) -> int:
    """Return how many edits a close spelling of ``word`` may be away: none, one from three
    characters on, two from six."""
    if len(word) < _ONE_EDIT:
        return 0
    return 1 if len(word) < _TWO_EDITS else EDITS_MAX


def edits(one: str, other: str, *, limit: int) -> int:
    """Return the number of edits between two words, or ``limit + 1`` when there are more.

    An edit is an inserted, missing, other, or with its neighbour exchanged character: the
    optimal string alignment distance (Boytsov, Indexing methods for approximate dictionary
    searching, 2011, section 2.2).
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, character in enumerate(one, start=1):
        current = [row]
        for column, found in enumerate(other, start=1):
            cost = min(
                last[column] + 1,
                current[column - 1] + 1,
                last[column - 1] + (character != found),
            )
            is_swap = (
                row > 1
                and column > 1
                and character == other[column - 2]
                and one[row - 2] == found
                and character != found
            )
            current.append(min(cost, before[column - 2] + 1) if is_swap else cost)
        if min(current) > limit and min(last) > limit:
            return limit + 1
        before, last = last, current
    return min(last[-1], limit + 1)
