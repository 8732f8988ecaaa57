"""What rights let see, and that equal ones are known by the same key."""

import pickle

from indexer.model import ALL_RIGHTS, NO_RIGHTS, make_rights


def test_a_registry_is_seen_whole_or_by_its_repositories() -> None:
    rights = make_rights(["main"], {"other": ["team/web"], "third": []})
    assert rights.sees("main", "whatever/comes")
    assert rights.sees("other", "team/web")
    assert not rights.sees("other", "team/web2")
    assert not rights.sees_all_of("other")
    assert rights.sees_registry("other")
    assert not rights.sees_registry("third")


def test_everything_and_nothing() -> None:
    assert ALL_RIGHTS.sees("main", "team/web")
    assert ALL_RIGHTS.are_all
    assert not NO_RIGHTS.sees("main", "team/web")
    assert not NO_RIGHTS.are_all


def test_equal_rights_have_one_key_whatever_their_order() -> None:
    one = make_rights(["a", "b"], {"c": ["y", "x"], "a": ["hidden in the whole"]})
    other = make_rights(["b", "a"], {"c": ["x", "y", "x"]})
    assert one == other
    assert one.key == other.key
    assert make_rights(["a"]) != make_rights(["b"])


def test_rights_pass_between_processes() -> None:
    rights = make_rights(["main"], {"other": ["team/web"]})
    passed = pickle.loads(pickle.dumps(rights))
    assert passed == rights
    assert passed.sees("other", "team/web")
    assert not passed.sees("other", "team/api")


def test_repositories_of_other_rights_are_added() -> None:
    rights = make_rights(["open"], {"main": ["team/web"]})
    more = make_rights(["not added"], {"main": ["nginx"], "open": ["any"], "other": ["one"]})
    expected = make_rights(["open"], {"main": ["nginx", "team/web"], "other": ["one"]})
    assert rights.with_repositories(more).key == expected.key
    assert ALL_RIGHTS.with_repositories(more) is ALL_RIGHTS
