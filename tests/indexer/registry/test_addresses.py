"""From where addresses are reached, and which of them a registry may lead to."""

import httpx2
import pytest

from indexer.errors import AddressRefusedError, UnreachableError
from indexer.registry.addresses import AddressRule, Reach, classify, written_address


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("::ffff:8.8.8.8", Reach.PUBLIC),
        ("64:ff9b::8.8.8.8", Reach.PUBLIC),
        ("2002:808:808::1", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("100.127.255.255", Reach.PRIVATE),
        ("192.0.2.1", Reach.PRIVATE),
        ("198.18.0.1", Reach.PRIVATE),
        ("fd12:3456::1", Reach.PRIVATE),
        ("2001:db8::1", Reach.PRIVATE),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("64:ff9b::10.0.0.1", Reach.PRIVATE),
        ("2002:a00:1::1", Reach.PRIVATE),
        ("127.0.0.1", Reach.LOOPBACK),
        ("127.255.0.1", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("64:ff9b::7f00:1", Reach.LOOPBACK),
        ("2002:7f00:1::1", Reach.LOOPBACK),
        ("169.254.169.254", Reach.LINK_LOCAL),
        ("169.254.170.2", Reach.LINK_LOCAL),
        ("fe80::1", Reach.LINK_LOCAL),
        ("fe80::1%eth0", Reach.LINK_LOCAL),
        ("febf::1", Reach.LINK_LOCAL),
        ("::ffff:169.254.169.254", Reach.LINK_LOCAL),
        ("::ffff:a9fe:a9fe", Reach.LINK_LOCAL),
        ("64:ff9b::a9fe:a9fe", Reach.LINK_LOCAL),
        ("2002:a9fe:a9fe::1", Reach.LINK_LOCAL),
        ("100.100.100.200", Reach.METADATA),
        ("168.63.129.16", Reach.METADATA),
        ("fd00:ec2::254", Reach.METADATA),
        ("::ffff:100.100.100.200", Reach.METADATA),
        ("0.0.0.0", Reach.UNUSABLE),
        ("0.1.2.3", Reach.UNUSABLE),
        ("192.0.0.192", Reach.UNUSABLE),
        ("224.0.0.1", Reach.UNUSABLE),
        ("240.0.0.1", Reach.UNUSABLE),
        ("255.255.255.255", Reach.UNUSABLE),
        ("::", Reach.UNUSABLE),
        ("::ffff:0.0.0.0", Reach.UNUSABLE),
        ("::7f00:1", Reach.UNUSABLE),
        ("64:ff9b:1::a9fe:a9fe", Reach.UNUSABLE),
        ("2001:0:4136:e378::1", Reach.UNUSABLE),
        ("ff02::1", Reach.UNUSABLE),
    ],
)
def test_from_where_an_address_is_reached(address: str, reach: Reach) -> None:
    assert classify(address) is reach


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("::1", "::1"),
        ("localhost", "127.0.0.1"),
        ("a.localhost", "127.0.0.1"),
        ("registry.test", None),
        ("a" * 300, None),
    ],
)
def test_what_is_an_address_without_asking_anybody(host: str, address: str | None) -> None:
    assert written_address(host) == address


PUBLIC, PRIVATE, LOOPBACK = "8.8.8.8", "10.0.0.5", "127.0.0.1"


def rule(own: str, *lifted: str, at: str = "") -> AddressRule:
    """Return the rule of a registry, which was looked up ``at`` an address."""
    made = AddressRule(httpx2.URL(own), lifted=lifted)
    if at:
        assert made.choose(httpx2.URL(own).host, 443, [at]) == [at]
    return made


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        (PUBLIC, [PUBLIC]),
        (PRIVATE, [PUBLIC, PRIVATE]),
        (LOOPBACK, [PUBLIC, PRIVATE, LOOPBACK]),
    ],
)
@pytest.mark.parametrize("is_named", [True, False])
def test_a_registry_leads_as_far_inside_as_it_is_itself(
    own: str, allowed: list[str], is_named: bool
) -> None:
    made = rule("https://registry.test", at=own) if is_named else rule(f"https://{own}")
    everywhere = [PUBLIC, PRIVATE, LOOPBACK, "169.254.169.254", "0.0.0.0", "fe80::1"]
    assert made.choose("store.test", 443, everywhere) == allowed
    for address in everywhere:
        if address not in allowed:
            with pytest.raises(AddressRefusedError):
                made.choose("store.test", 443, [address])


def test_before_the_registry_was_looked_up_it_leads_to_public_addresses() -> None:
    made = rule("https://registry.test")
    assert made.choose("store.test", 443, [PUBLIC, PRIVATE]) == [PUBLIC]


def test_a_registry_with_a_public_address_beside_a_private_one_is_public() -> None:
    made = rule("https://registry.test")
    assert made.choose("registry.test", 443, [PRIVATE, PUBLIC]) == [PRIVATE, PUBLIC]
    assert made.choose("store.test", 443, [PRIVATE, PUBLIC]) == [PUBLIC]
    assert made.choose("registry.test", 443, [PRIVATE]) == [PRIVATE]


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("store.test", "store.test", 443),
        ("store.test", "STORE.test", 9000),
        ("store.test:9000", "store.test", 9000),
        ("10.0.0.5", "10.0.0.5", 80),
        ("[::1]:9000", "::1", 9000),
        ("[::1]", "[::1]", 9000),
    ],
)
def test_a_host_that_is_lifted_may_be_at_loopback_but_never_link_local(
    entry: str, host: str, port: int
) -> None:
    made = rule("https://registry.test", entry, at=PUBLIC)
    assert made.choose(host, port, [PRIVATE, LOOPBACK]) == [PRIVATE, LOOPBACK]
    for never in ("169.254.169.254", "100.100.100.200", "0.0.0.0"):
        with pytest.raises(AddressRefusedError, match="never followed") as caught:
            made.choose(host, port, [never])
        assert caught.value.host == ""


@pytest.mark.parametrize(("host", "port"), [("store.test", 9001), ("other.test", 9000)])
def test_other_hosts_and_ports_are_not_lifted(host: str, port: int) -> None:
    made = rule("https://registry.test", "store.test:9000", at=PUBLIC)
    with pytest.raises(AddressRefusedError) as caught:
        made.choose(host, port, [PRIVATE])
    assert caught.value.host == f"{host}:{port}"
    assert str(caught.value) == (
        "a private address (10.0.0.5), where a registry at a public address may not lead"
    )


def test_a_registry_that_moves_further_inside_is_not_followed() -> None:
    """Who owns its name could let it point at any host of ours."""
    made = rule("http://registry.test", at=PUBLIC)
    for address in (PRIVATE, LOOPBACK):
        with pytest.raises(UnreachableError, match=f"moved to {address}.*blob_hosts"):
            made.choose("registry.test", 80, [address])
    with pytest.raises(UnreachableError, match=r"leads to 169\.254\.169\.254, a link-local"):
        made.choose("registry.test", 80, ["169.254.169.254"])
    assert made.choose("registry.test", 80, ["8.8.4.4"]) == ["8.8.4.4"]
    lifted = rule("http://registry.test", "registry.test", at=PUBLIC)
    assert lifted.choose("registry.test", 80, [PRIVATE]) == [PRIVATE]


def test_a_registry_at_a_link_local_address_is_named_by_it() -> None:
    """No name leads there, not even at first, but the settings may say so."""
    made = rule("http://registry.test")
    with pytest.raises(UnreachableError, match="write the address into url"):
        made.choose("registry.test", 80, ["169.254.1.1"])
    assert made.choose("registry.test", 80, ["169.254.1.1", PRIVATE]) == [PRIVATE]
    written = rule("http://169.254.1.1")
    assert written.choose("169.254.1.1", 80, ["169.254.1.1"]) == ["169.254.1.1"]
    with pytest.raises(AddressRefusedError):
        written.choose("169.254.169.254", 80, ["169.254.169.254"])


def test_a_host_without_addresses_is_not_refused() -> None:
    assert rule("http://registry.test").choose("store.test", 80, []) == []


@pytest.mark.parametrize("host", ["169.254.169.254", "0x7f.1", "localhost", "[::1]", "10.0.0.1"])
def test_behind_a_proxy_what_is_written_out_is_checked(host: str) -> None:
    made = rule("https://registry.test")
    with pytest.raises(AddressRefusedError):
        made.check_written(host, 80)
    made.check_written("store.internal", 80)
    made.check_written(PUBLIC, 80)
