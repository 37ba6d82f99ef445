"""The upstream proxy as it is given: its URL and the file of its credential."""

from __future__ import annotations

from pathlib import Path

import pytest

from addons.through_proxy import what_failed
from addons.upstream_proxy import ProxyError, ProxyPlace, check_credential, parse_place


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://proxy.example.com:3128", ProxyPlace("http", "proxy.example.com", 3128)),
        ("https://PROXY.example.com./", ProxyPlace("https", "proxy.example.com", 443)),
        ("http://10.0.0.5", ProxyPlace("http", "10.0.0.5", 80)),
        ("http://[fd00::5]:8080", ProxyPlace("http", "fd00::5", 8080)),
    ],
)
def test_a_url_names_it(url: str, place: ProxyPlace) -> None:
    assert parse_place(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example.com:3128",
        "socks5://proxy.example.com",
        "http://",
        "http://proxy.example.com:0",
        "http://proxy.example.com:99999",
        "http://proxy.example.com/path",
        "http://proxy.example.com?user=carol",
        "http://carol:horse@proxy.example.com",
        "http://127.1:3128",
    ],
)
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(ProxyError) as caught:
        parse_place(url)
    assert "horse" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "content"),
    [(0o644, "carol:horse"), (0o600, "horse"), (0o600, "carol:horse\nhorse"), (0o600, "c:\0")],
)
def test_a_credential_is_one_line_that_nobody_else_reads(
    tmp_path: Path, mode: int, content: str
) -> None:
    file = tmp_path / "auth"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(ProxyError) as caught:
        check_credential(file)
    assert "horse" not in str(caught.value)
    file.write_text("carol:correct:horse\n")
    file.chmod(0o400)
    check_credential(file)


def test_what_failed_names_no_address_and_no_text_of_the_proxy() -> None:
    text = "Upstream proxy 10.0.0.5:3128 refused HTTP CONNECT request: 403 carol may not"
    assert what_failed(text) == "The upstream proxy refused the tunnel (403)."
    for text in ("Error connecting to 10.0.0.5:3128: carol", "connection closed", "OpenSSL carol"):
        assert what_failed(text) == "The upstream proxy gave no answer that can be used."
