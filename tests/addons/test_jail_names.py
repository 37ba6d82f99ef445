"""Addresses that stand for names, and the answers of a jail's DNS to what is no question."""

import random
from types import SimpleNamespace

import pytest

from addons import jail_names
from addons.jail_dns import JailDns
from addons.jail_names import IPV4, IPV6, JailNames


def test_a_name_keeps_its_address_and_no_other_name_has_it():
    names = JailNames()
    given = {name: names.addresses(name) for name in ("a.test", "b.test", "c.test")}
    assert len({address for pair in given.values() for address in pair}) == 6
    assert all(names.addresses(name) == pair for name, pair in given.items())
    for name, (ipv4, ipv6) in given.items():
        assert ipv4 in IPV4
        assert ipv6 in IPV6
        assert names.name(str(ipv4)) == names.name(str(ipv6)) == name


@pytest.mark.parametrize("address", ["192.0.2.1", "127.0.0.1", "2001:db8::1", "files.test", ""])
def test_other_addresses_stand_for_nothing(address):
    assert JailNames().name(address) is None


def test_an_address_that_was_never_given_is_known_as_such():
    assert JailNames().name("198.18.0.9") == ""
    assert JailNames().name(str(IPV6[2**40])) == ""


def test_it_keeps_so_many_and_those_in_use_longest(monkeypatch):
    monkeypatch.setattr(jail_names, "KEPT_NAMES", 100)
    names = JailNames()
    used, _ = names.addresses("used.test")
    first, _ = names.addresses("first.test")
    for number in range(1000):
        names.addresses(f"n{number}.test")
        assert names.name(str(used)) == "used.test"
    assert names.name(str(first)) == ""
    assert len(names._names) == len(names._numbers) == 100


def test_it_forgets_what_was_not_used_for_long(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(jail_names.time, "monotonic", lambda: now[0])
    names = JailNames()
    old, _ = names.addresses("old.test")
    now[0] = jail_names.KEPT_SECONDS + 1
    names.addresses("new.test")
    assert names.name(str(old)) == ""
    assert names.addresses("old.test")[0] != old


def test_what_is_no_question_gets_no_answer():
    dns = JailDns(SimpleNamespace())
    chance = random.Random(7)
    loop = b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"
    packets = [b"", b"\0" * 11, b"\xff" * 4096, loop, b"\0\1\x81\x80" + loop[4:]]
    packets += [chance.randbytes(chance.randrange(60)) for _ in range(2000)]
    for packet in packets:
        answer = dns.answer(packet)
        assert answer is None or len(answer) < 512
