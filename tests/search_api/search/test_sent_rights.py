"""Rights are sent to a process whole once, and are those that were meant whatever is kept."""

from random import Random

from indexer.model import ALL_RIGHTS, NO_RIGHTS, Rights, make_rights
from search_api.search.sent_rights import KEPT, ReceivedRights, SentRights


def rights_of(number: int) -> Rights:
    return make_rights([], {"main": [f"team{number}/web-{n}" for n in range(100)]})


def test_a_process_has_the_rights_that_it_was_sent_however_many_callers_there_are() -> None:
    random, sent, received = Random(1), SentRights(), ReceivedRights()
    callers = [ALL_RIGHTS, NO_RIGHTS, *map(rights_of, range(3 * KEPT))]
    for step in range(2000):
        # Sometimes few callers search, sometimes many.
        rights = random.choice(callers[: random.choice([2, KEPT, 4 * KEPT])])
        found = received.read(sent.message(rights))
        assert found.key == rights.key, step
        assert (found.registries, found.repositories) == (rights.registries, rights.repositories)


def test_rights_are_sent_whole_once_and_then_by_their_key() -> None:
    sent, rights = SentRights(), rights_of(0)
    assert len(sent.message(rights)) > 1000
    for number in range(1, KEPT):
        sent.message(rights_of(number))
        assert len(sent.message(rights)) < 200
    for number in range(1, KEPT + 1):
        sent.message(rights_of(number))
    assert len(sent.message(rights)) > 1000, "it was used longest ago"
