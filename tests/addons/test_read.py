import pytest

from addons.content import parse
from addons.decode import DecodeError
from addons.read import readings


def test_json_is_read_whatever_the_header_says() -> None:
    for declared in ("application/json", "text/plain", "", "application/octet-stream"):
        body = parse(b' {"a": 1}', declared)
        assert (body.kind, body.value) == ("json", {"a": 1})


@pytest.mark.parametrize(
    "data",
    [b'{"a": 1, "a": 2}', b"{not json", b'{"a": NaN}', b'{"a": 1} trailing'],
)
def test_json_that_readers_could_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not valid JSON"):
        parse(data, "application/json; charset=utf-8")


def test_forms_texts_and_the_rest() -> None:
    form = parse(b"amount=5&amount=6&note=a+b", "application/x-www-form-urlencoded")
    assert form.value == {"amount": ["5", "6"], "note": ["a b"]}
    assert parse("héllo".encode(), "text/plain").value == "héllo"
    assert parse(b"\x89PNG\0", "image/png").kind == "opaque"
    assert parse(b"", "application/json").kind == "none"


def test_a_form_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(DecodeError, match="form"):
        parse(b"a=\xff", "application/x-www-form-urlencoded")


def test_an_ordinary_path_has_one_reading() -> None:
    assert readings("/v1/payments/4") == ["/v1/payments/4"]
    assert readings("/a%20b") == ["/a b"]
    assert readings("/") == ["/"]
    assert readings("*") == ["*"]


@pytest.mark.parametrize(
    "path",
    ["/v1%2Fpayments", "/v1//payments", "/v1/payments/", "/v1;x=1/payments", "/v1%5cpayments"],
)
def test_a_path_that_servers_read_differently_has_both_readings(path: str) -> None:
    found = readings(path)
    assert len(found) == 2
    assert found[1] == "/v1/payments"
    assert found[0] != found[1]


@pytest.mark.parametrize(
    "path", ["/a/../b", "/a/%2e%2e/b", "/./a", "/a%00b", "relative", "/%ff", "/a%2f..%2fb"]
)
def test_a_path_with_dot_segments_or_bad_bytes_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        readings(path)
