"""One spelling for each name; addresses in no disguise."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules import HostError, canonical_host, judge_address, looks_like_address, parse_address

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda label: not label.startswith("xn--") and label[2:4] != "--"
)
NAMES = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


@given(st.text(max_size=80))
@example("ⅷ.example")
@example("１２７.０.０.１")
@example("a\u3002b")
@example("xn--80ak6aa92e.com")
def test_a_text_is_canonical_or_refused_and_stays_so(text: str) -> None:
    try:
        canonical = canonical_host(text)
    except HostError:
        return
    assert canonical_host(canonical) == canonical
    assert canonical == canonical.lower()
    assert len(canonical) <= 253
    assert not set(canonical) & set(" \0/\\@%?#\r\n\t")
    if looks_like_address(canonical):
        assert parse_address(canonical) is not None


@given(NAMES)
def test_case_and_the_root_dot_make_no_difference(name: str) -> None:
    assert canonical_host(name.upper()) == canonical_host(name + ".") == canonical_host(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("example。com", "example.com"),
        ("exam\u200bple.com", "example.com"),  # UTS 46 leaves out what is not seen
        ("exam\u00adple.com", "example.com"),
        ("EXAMPLE.COM.", "example.com"),
        ("faß.example", "xn--fa-hia.example"),
        ("[::1]", "::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ],
)
def test_spellings_that_mean_the_same_agree(one: str, other: str) -> None:
    assert canonical_host(one) == canonical_host(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "a b",
        "a\0b",
        "a%2eb",
        "a@b",
        "a/b",
        "a\\b",
        "-a.com",
        "exаmple.com",  # a Cyrillic a
        "x" * 64 + ".com",
        ".".join(["abcdefgh"] * 40),
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0177.0.0.1",
        "127.0.0.1.0x1",
        "１２７.１",
        "fe80::1%eth0",
        "[fe80::1%25eth0]",
        "[::1",
        "::1]:443",
        "0127.0.0.1",
        "127.0.0.01",
        "127.0.0.256",
        "0x7f.0.0.1",
        "0x",
        "1.2.3.4.5",
        "example.com.0x1",
        "192.168.257",
        "4294967296",
        "٣.example.٤",  # a last label of other scripts' digits
        "⑫７.0.0.1",
        "a\u00adb.com\u2028",
        "xn--a.com",
        "xn--.com",
        "xn--exmple-4nf.com",  # the Cyrillic a again, encoded
        "ex\u0251mple\u0301.com\u0000",
        "μicrosoft.com",
        "gооgle.com",
        "a" * 1000,
        ".".join(["a" * 63] * 4),  # 255 characters
        "example.com..",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(HostError):
        canonical_host(text)


@pytest.mark.parametrize(
    ("look_alike", "name"),
    [
        ("арр.com", "app.com"),
        ("ѕсоре.com", "scope.com"),
        ("ехаmрlе.com".replace("m", "м").replace("l", "ӏ"), "example.com"),
        ("αρρ.com", "app.com"),
        ("paypa1.com", "paypal.com"),
        ("xn--80ak6aa92e.com", "apple.com"),
    ],
)
def test_a_look_alike_is_never_the_name_it_looks_like(look_alike: str, name: str) -> None:
    try:
        assert canonical_host(look_alike) != name
    except HostError:
        pass


@pytest.mark.parametrize(
    ("longest", "too_long"),
    [
        ("a" * 63 + ".com", "a" * 64 + ".com"),
        (".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 62])),
    ],
)
def test_names_have_a_length(longest: str, too_long: str) -> None:
    assert canonical_host(longest) == longest == canonical_host(longest + ".")
    with pytest.raises(HostError):
        canonical_host(too_long)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "::7f00:1",
        "::a00:1",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1::5db8:d822",
        "2606:4700::5efe:7f00:1",
        "2606:4700:1:1:200:5efe:a9fe:a9fe",
        "2002:c0a8:1::",
        "fe80::1%eth0",
        "ff02::1%1",
        "240.0.0.1",
        "198.18.0.1",
        "not an address",
    ],
)
def test_addresses_that_lead_inside_are_refused(address: str) -> None:
    assert judge_address(address, ()) is not None


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_public_addresses_may_be_dialled(address: str) -> None:
    assert judge_address(address, ()) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("64:ff9b:1::7f00:1", "64:ff9b:1::/48"),
        ("2606:4700::5efe:a9fe:a9fe", "2606:4700::/32"),
        ("2002:a00:1::1", "2002::/16"),
        ("::a00:1", "::/8"),
    ],
)
def test_an_exception_for_a_network_is_none_for_what_its_addresses_carry(
    address: str, network: str
) -> None:
    assert judge_address(address, [network]) is not None
    assert judge_address(address, [network, "0.0.0.0/0"]) is None


def test_policy_names_exceptions_by_network() -> None:
    assert judge_address("10.1.2.3", ["10.0.0.0/8"]) is None
    assert judge_address("::ffff:10.1.2.3", ["10.0.0.0/8"]) is None
    assert judge_address("10.1.2.3", ["10.2.0.0/16"]) is not None
    assert judge_address("169.254.169.254", ["10.0.0.0/8"]) is not None


@given(st.ip_addresses())
def test_every_address_is_judged(address: object) -> None:
    assert judge_address(str(address), ()) is None or judge_address(str(address), ())
