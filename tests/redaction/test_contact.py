"""Telephone numbers, addresses of mail and of the network, and what only looks like them."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "number",
    [
        "555-123-4567",
        "(555) 123-4567",
        "212.555.0123",
        "+1 (415) 555-0100 ext. 22",
        "1-800-FLOWERS",
        "+49 30 1234567",
        "+919876543210",
        "0044 20 7946 0958",
        "001-212-555-0123",
    ],
)
def test_finds_telephone_numbers_by_their_form(find, number):
    assert any(number in found for found, _ in find(f"it was {number} then", "PHONE_NUMBER"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tel. 030 12345678", "030 12345678"),
        ("T\u00e9l: 01 42 68 53 00", "01 42 68 53 00"),
        ("call me on 01.84.17.61.18 please", "01.84.17.61.18"),
        ("m\u00f3vil 612 345 678", "612 345 678"),
        ("call 9876543210", "9876543210"),
        ("phone: 555-0123", "555-0123"),
        ("they do not answer at 699 956 915", "699 956 915"),
        ("pager 12345", "12345"),
        ("ext. 4521", "4521"),
        ("fax records to 987-654-3210", "987-654-3210"),
    ],
)
def test_finds_telephone_numbers_that_are_called_so(find, text, number):
    assert (number, "PHONE_NUMBER") in find(text, "PHONE_NUMBER")


@pytest.mark.parametrize(
    "text",
    [
        "MRN: 789-456-1230",
        "ZIP 02139-4307",
        "3.141592653 or 1700000000",
        "2024-01-02 10:00, 01.02.2024, 2023-2024",
        "ISBN 978-3-16-148410-0",
        "$1,234,567.00",
        "tracking 9400 1000 0000 0000 0000 00",
        "555 1234",
    ],
)
def test_leaves_other_numbers(find, text):
    assert find(text, "PHONE_NUMBER") == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("at john.smith [at] example [dot] com now", "john.smith [at] example [dot] com"),
        ("john dot smith at example dot com", "john dot smith at example dot com"),
        ("john(at)example.com", "john(at)example.com"),
        ("john @ example . com", "john @ example . com"),
        ("email=john@example.com&b=1", "john@example.com"),
        ("mailto:john@example.com?subject=x", "john@example.com"),
    ],
)
def test_finds_addresses_of_mail_in_disguise(find, text, address):
    assert find(text, "EMAIL_ADDRESS") == [(address, "EMAIL_ADDRESS")]


@pytest.mark.parametrize(
    "text", ["meet at noon at example.com", "git@github.com:a/b", "a @ b", "at 5 dot com"]
)
def test_leaves_what_is_no_address_of_mail(find, text):
    assert find(text, "EMAIL_ADDRESS") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://example.com/a_(b).", "https://example.com/a_(b)"),
        ("see foo.example.com/x?y=1.", "foo.example.com/x?y=1"),
        ("see bit.ly/abc", "bit.ly/abc"),
        ("hxxp://example.com/x", "hxxp://example.com/x"),
    ],
)
def test_finds_urls(find, text, found):
    assert (found, "URL") in find(text, "URL")


@pytest.mark.parametrize("text", ["version 1.2.3.4", "section 4.3.2.1", "1.2.3.4", "v10.0.19.1"])
def test_leaves_versions_and_sections(find, text):
    assert find(text, "IP_ADDRESS") == []


def test_believes_that_an_address_is_one(find):
    assert find("the server's ip is 1.2.3.4", "IP_ADDRESS") == [("1.2.3.4", "IP_ADDRESS")]
