"""Values planted all over a day's traffic are afterwards nowhere but where policy lets them be.

Searched are all files of the firewall's folder and of its temporary folder, what it printed, the
spans that it sent, its answers, and what `aegis` tells of the log: for each value as it is, in
other encodings, and as a digest that anybody could make of it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.integration.test_faults import mended, redactors
from tests.integration.test_redaction_faults import FAULTY_WORKER, SITE
from tests.integration.test_tracing import FAST, Sink
from tests.support.echoing import EchoApi
from tests.support.firewall import Firewall
from tests.support.process import PROJECT
from tests.support.websocket_api import SocketApi, SocketClient

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: planted}}
limits: {{max_body: 400KB}}
destinations:
  - {{id: cut, hosts: [{cut.name}], ports: [{cut.port}], addresses: [127.0.0.0/8]}}
  - {{id: stand, hosts: [{stand.name}], ports: [{stand.port}], addresses: [127.0.0.0/8]}}
  - {{id: free, hosts: [{free.name}], ports: [{free.port}], addresses: [127.0.0.0/8]}}
  - {{id: closed, hosts: [{closed.name}], ports: [{closed.port}], addresses: [127.0.0.0/8]}}
  - id: socket
    hosts: [{socket.name}]
    ports: [{socket.port}]
    addresses: [127.0.0.0/8]
    websocket: allow
tools:
  - id: pay
    destination: free
    http: {{methods: [POST], path: /pay}}
    arguments: {{memo: {{enum: [rent]}}}}
rules:
  - {{id: all, agents: ["*"], destinations: [cut, stand, free, socket], effect: allow}}
  - {{id: pay, agents: ["*"], tools: [pay], effect: allow}}
redaction:
  - id: cut
    destinations: [cut, socket]
    models: []
    entities: &wanted
      US_SSN: replace
      PERSON: hash
      EMAIL_ADDRESS: {{operator: mask, keep_last: 4}}
      MEDICAL_RECORD_NUMBER: replace
  - id: back
    destinations: [cut]
    direction: response
    models: []
    entities: *wanted
  - id: stand
    destinations: [stand]
    models: []
    entities: {{US_SSN: surrogate, PERSON: surrogate, EMAIL_ADDRESS: surrogate, MEDICAL_RECORD_NUMBER: surrogate}}
"""


@dataclass
class Planted:
    """The values, a new one for each use, so that each that is found tells where it came from."""

    ssns: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Give a text with one value of each kind."""
        count = len(self.ssns)
        self.ssns.append(f"536-90-{4300 + count:04d}")
        self.names.append(f"Zebulon{_LETTERS[count // 26]}{_LETTERS[count % 26]} Quackenbush")
        self.mails.append(f"zq{count:03d}quack@hospital.example")
        self.numbers.append(f"88127{count:03d}7755")
        return (
            f"Patient {self.names[-1]} SSN {self.ssns[-1]}, mail {self.mails[-1]}, "
            f"MRN: {self.numbers[-1]}."
        )

    @property
    def all(self) -> list[str]:
        return [*self.ssns, *self.names, *self.mails, *self.numbers]


_LETTERS = "abcdefghijklmnopqrstuvwxyz"


STEMS = ["536-90-4", "536904", "Quackenbush", "quack@hospital"]
"""What all values of a kind have in them, and little else has."""
DIGESTS = ("md5", "sha1", "sha256", "sha512", "blake2b")


def forms(text: str) -> Iterator[bytes]:
    """Give what a text looks like where somebody wrote it down, in lower case but for base64."""
    data = text.lower().encode()
    yield data
    yield text.lower().encode("utf-16-le")
    yield text.lower().encode("utf-16-be")[1:]
    yield data.hex().encode()
    yield urllib.parse.quote(text.lower(), safe="").lower().encode()
    yield text.encode().hex().encode()
    yield "".join(f"%{byte:02x}" for byte in text.encode()).encode()
    yield "".join(f"\\u{ord(char):04x}" for char in text).encode()
    yield repr(list(text.encode()))[1:-1].encode()


def in_base64(text: str) -> Iterator[bytes]:
    """Give what of a text in base64 is the same whatever stands beside it."""
    for shift in range(3):
        data = b"\0" * shift + text.encode()
        # The edges belong to its neighbours as well.
        yield base64.b64encode(data)[4 if shift else 0 : len(data) // 3 * 4]


def digests(values: Iterable[str]) -> dict[bytes, str]:
    """Give the digests that anybody could make of a value, each with the value."""
    return {
        hashlib.new(name, text.encode()).digest(): value
        for value in values
        for text in (value, value.replace("-", ""), value.lower())
        for name in DIGESTS
    }


def found_in(places: Mapping[str, bytes], planted: Planted) -> list[str]:
    """Give the place and the value of what was found."""
    found: list[str] = []
    shown = {form: stem for stem in (*STEMS, *planted.numbers) for form in forms(stem)}
    packed = {form: stem for stem in STEMS for form in in_base64(stem)}
    known = digests(planted.all)
    hexadecimal = {digest.hex().encode()[:32]: value for digest, value in known.items()}
    begun = {digest[:16] for digest in known}
    heads = np.array(sorted(int.from_bytes(digest[:8], "little") for digest in known), "<u8")
    for place, data in places.items():
        lower = data.lower()
        found += [f"{place}: {stem} as {form!r}" for form, stem in shown.items() if form in lower]
        found += [f"{place}: {stem} as {form!r}" for form, stem in packed.items() if form in data]
        for run in re.findall(rb"[0-9a-f]{32,}", lower):
            if run[:32] in hexadecimal:
                found.append(f"{place}: digest of {hexadecimal[run[:32]]}")
        for run in re.findall(rb"[A-Za-z0-9+/_-]{22,}", data):
            digest = base64.b64decode(run.translate(_STANDARD) + b"A" * (-len(run) % 4))
            if digest[:16] in begun:
                found.append(f"{place}: digest in base64")
        for offset in range(8):
            words = np.frombuffer(
                data, "<u8", max(0, len(data) - offset) // 8, offset % (len(data) or 1)
            )
            at = np.minimum(np.searchsorted(heads, words), len(heads) - 1)
            if (heads[at] == words).any():
                found.append(f"{place}: digest")
    return found


_STANDARD = bytes.maketrans(b"-_", b"+/")


@pytest.mark.parametrize(
    "value", ["536-90-4300", "Zebulonaa Quackenbush", "zq000quack@hospital.example"]
)
def test_the_search_finds_what_is_there(value: str) -> None:
    planted = Planted()
    planted.text()
    quoted = urllib.parse.quote_plus(value)
    for text in (value, value.upper(), quoted, "".join(f"\\u{ord(char):04X}" for char in value)):
        assert found_in({"here": f"x{text}y".encode()}, planted), text
    for said in ("utf-16-le", "utf-16-be"):
        assert found_in({"here": b"xx" + value.encode(said)}, planted)
    for before in ("", "a", "ab"):
        assert found_in({"here": base64.b64encode(f"{before} ssn {value} so".encode())}, planted)
    for name in DIGESTS:
        digest = hashlib.new(name, value.encode())
        for written in (
            digest.digest(),
            digest.hexdigest().encode(),
            base64.b64encode(digest.digest()),
        ):
            assert found_in({"here": b"x " + written + b" y"}, planted), name
    assert found_in({"here": b"ssn 536-91-4300, Quack, 12345678901"}, planted) == []


class Place:
    """A firewall that is watched, the servers behind it, and all that the test gathered."""

    def __init__(self, world: World, folder: Path, kind: str) -> None:
        ca = world.llm.ca
        self.cut = EchoApi(ca, "cut.example.test")
        self.stand = EchoApi(ca, "stand.example.test")
        self.free = EchoApi(ca, "free.example.test")
        self.closed = EchoApi(ca, "closed.example.test")
        self.socket = SocketApi(ca)
        self.sink = Sink()
        self.folder, self.temporary = folder, folder / "tmp"
        self.temporary.mkdir()
        self.planted = Planted()
        self.told: dict[str, bytes] = {}
        self.switch = folder / "how"
        self.servers: list[Any] = [self.cut, self.stand, self.free, self.closed, self.socket]
        for server in (*self.servers, self.sink):
            server.start()
        worker = folder / "redaction.worker.py"
        worker.write_text(FAULTY_WORKER.format(project=str(PROJECT), switch=str(self.switch)))
        (folder / "sitecustomize.py").write_text(SITE.format(worker=str(worker)))
        self.goes("")
        options = {"aegis_redaction_timeout": "2"}
        if kind == "mitmdump":
            options |= {"termlog_verbosity": "debug", "flow_detail": "4"}
        self.firewall = Firewall(
            folder,
            POLICY.format(**vars(self)),
            *self.servers,
            kind=kind,  # type: ignore[arg-type]
            otlp_endpoint=self.sink.local_url,
            options=options,
            environment={
                **FAST,
                "TMPDIR": str(self.temporary),
                "PYTHONASYNCIODEBUG": "1",
                "PYTHONDEVMODE": "1",
                "PYTHONWARNINGS": "ignore",
            },
            prefix=(
                *("sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh"),
                *("env", f"PYTHONPATH={folder}:{PROJECT}"),
            ),
        )

    def goes(self, how: str) -> None:
        self.switch.write_text(how, "ascii")

    def close(self) -> None:
        for server in (*self.servers, self.sink):
            server.stop()

    def tell(self, what: str, answer: httpx.Response) -> httpx.Response:
        """Keep what the firewall itself said; a server's answer may hold what it was sent."""
        if "x-aegis-decision" in answer.headers:
            self.told[f"{len(self.told)} {what}"] = answer.content + str(answer.headers).encode()
        return answer

    def post(self, server: Any, body: bytes, kind: str, path: str = "/x", **headers: str) -> Any:
        with client(self.firewall) as http:
            fields = {"content-type": kind, **{n.replace("_", "-"): v for n, v in headers.items()}}
            with suppress(httpx.TransportError):
                return self.tell(kind, http.post(server.url + path, content=body, headers=fields))
        return None


@pytest.fixture(scope="module", params=["own", pytest.param("mitmdump", marks=pytest.mark.long)])
def place(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Place]:
    made = Place(world, tmp_path_factory.mktemp("planted"), request.param)
    try:
        with made.firewall:
            yield made
    finally:
        made.close()


def large(text: str) -> str:
    return text + " and no more of it" * 3800


def test_a_day_with_planted_values(place: Place) -> None:
    firewall, planted = place.firewall, place.planted
    what_is_redacted(place)
    what_comes_back(place)
    what_is_refused(place)
    what_goes_wrong(place)
    assert len(planted.ssns) > 40
    for server in (place.cut, place.stand, place.socket, place.closed):
        sent = server.everything() + b"".join(map(str.encode, map(str, getattr(server, "got", ()))))
        assert found_in({server.name: sent}, planted) == []
    # What policy lets go arrives.
    assert planted.ssns[0].encode() in place.free.everything()
    time.sleep(0.5)
    end_of_day(place)
    assert firewall.verify().ok
    evidence = {**place.told, "spans": place.sink.payload, "output": firewall.output.encode()}
    for path in (*place.folder.rglob("*"), *place.temporary.rglob("*")):
        if path.is_file():
            evidence[str(path)] = path.read_bytes()
    assert {"vault.db", "ledger.db", "ledger.db-wal"} <= {Path(name).name for name in evidence}
    assert place.sink.payload
    assert len(place.told) > 8
    assert found_in(evidence, planted) == []


def what_is_redacted(place: Place) -> None:
    """Send values in every part of requests of all kinds, small and large."""
    planted, text = place.planted, place.planted.text
    for size in (str, large):
        for server in (place.free, place.cut, place.stand):
            note = size(text())
            path = f"/x/{urllib.parse.quote(text())}?q={urllib.parse.quote_plus(text())}#f"
            headers = {"x_note": text(), "cookie": f"a={planted.ssns[-1]}"}
            body = json.dumps({"note": note, text(): 1, "ssn": 536904300}).encode()
            assert place.post(server, body, "application/json", path, **headers) is not None
            assert place.post(server, size(text()).encode(), "text/plain") is not None
            form = urllib.parse.urlencode(
                {"a": size(text()), "b": base64.b64encode(text().encode())}
            )
            place.post(server, form.encode(), "application/x-www-form-urlencoded")
            packed = gzip.compress(json.dumps({"a": text()}).encode())
            place.post(server, packed, "application/json", content_encoding="gzip")
            xml = f"<a b='{text()}'>{size(text())}</a>".encode()
            place.post(server, xml, "application/xml")
    with SocketClient(place.firewall, place.socket) as socket_client:
        socket_client.say({"said": text()})
        socket_client.text()


def what_comes_back(place: Place) -> None:
    """Have servers answer with values, and with surrogates that become values again."""
    text = place.planted.text
    place.cut.answer = text()
    for stream in ("", "chat"):
        place.cut.stream = stream
        answer = place.post(place.cut, b'{"prompt": "hello"}', "application/json")
        assert place.planted.ssns[-1] not in answer.text
    place.cut.answer, place.cut.stream = None, ""
    place.cut.kind, place.cut.body = "application/octet-stream", text().encode() + bytes(range(256))
    place.post(place.cut, b"{}", "application/json")
    place.cut.kind, place.cut.body = "application/json", None
    for stream in ("", "messages"):
        place.stand.stream = stream
        note = text()
        body = json.dumps({"prompt": note}).encode()
        answer = place.post(place.stand, body, "application/json", "/v1/messages")
        if not stream:
            assert answer.json()["said"] == note
    place.stand.stream = ""


def what_is_refused(place: Place) -> None:
    """Send values that policy refuses, and bodies that nobody can read."""
    text = place.planted.text
    assert place.post(place.closed, text().encode(), "text/plain") is None
    assert (
        place.post(
            place.free, json.dumps({"memo": text()}).encode(), "application/json", "/pay"
        ).status_code
        == 403
    )
    for body, kind in (
        (f'{{"a": "{text()}"'.encode(), "application/json"),
        (f'{{"{text()}": 1, "{place.planted.ssns[-1]}": 1, "a": 1, "a": 2}}'.encode(), "application/json"),
        (text().encode() + b"\0\xff", "application/octet-stream"),
        (text().encode(), "text/plain; charset=x-own"),
        (text().encode(), f"text/plain; charset={place.planted.ssns[-1]}"),
        (f"<a>{text()}".encode(), "application/xml"),
        (f"<a><b{place.planted.ssns[-1]}/></a>".encode(), "application/xml"),
        (f"--b\r\n{text()}".encode(), "multipart/form-data; boundary=b"),
        (large(text()).encode() * 8, "text/plain"),
        (large(text()).encode() + b"\0", "text/plain"),
        (b"\x1f\x8b" + text().encode(), "text/plain"),
    ):  # fmt: skip
        for server in (place.cut, place.stand):
            answer = place.post(server, body, kind)
            assert answer is None or answer.status_code >= 400, kind
    place.post(place.cut, text().encode(), "text/plain", content_encoding="gzip")
    with client(place.firewall) as http, suppress(httpx.HTTPError):
        place.tell("host", http.get(f"http://{place.planted.ssns[-1]}.example.test/{text()}"))
    with client(place.firewall, "aegis_" + "0" * 40) as http, suppress(httpx.HTTPError):
        http.get(f"{place.cut.url}/{urllib.parse.quote(text())}")


def what_goes_wrong(place: Place) -> None:
    """Have workers fail in many ways, and clients and servers go away, with values in hand."""
    text = place.planted.text
    for how in ("raise", "rubbish", "prints", "memory", "cut off", "segment", "abort"):
        mended(lambda: _works(place))
        place.goes(how)
        place.post(place.cut, text().encode(), "text/plain")
        place.post(place.stand, json.dumps({"a": large(text())}).encode(), "application/json")
        place.goes("")
    mended(lambda: _works(place))
    for worker in redactors(place.firewall):
        os.kill(worker, signal.SIGSTOP)
    place.post(place.cut, text().encode(), "text/plain")
    for worker in redactors(place.firewall):
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    mended(lambda: _works(place))
    half(place, text().encode())
    with client(place.firewall) as http, suppress(httpx.HTTPError):
        http.get(f"https://cut.example.test:1/{urllib.parse.quote(text())}")


def _works(place: Place) -> bool:
    answer = place.post(place.cut, b"nothing at all", "text/plain")
    return answer is not None and answer.status_code == 200


def half(place: Place, body: bytes) -> None:
    """Send half a request and go away."""
    name = f"{place.cut.name}:{place.cut.port}"
    token = (place.firewall.home / "default.token").read_text("ascii").strip()
    secret = base64.b64encode(f"aegis:{token}".encode()).decode()
    with socket.create_connection(place.firewall.address, timeout=10) as raw:
        raw.sendall(
            f"POST http://{name}/x HTTP/1.1\r\nHost: {name}\r\n"
            f"Proxy-Authorization: Basic {secret}\r\nContent-Length: 9999\r\n\r\n".encode()
        )
        raw.sendall(body)


def end_of_day(place: Place) -> None:
    """Ask `aegis` about it all."""
    aegis = str(Path(sys.executable).parent / "aegis")
    home = ("--home", str(place.firewall.home))
    export = place.folder / "export.jsonl"
    for arguments in (
        ("audit", "show", "--json"),
        ("audit", "show"),
        ("audit", "export", str(export)),
        ("audit", "verify"),
        ("doctor",),
        ("doctor", "--json"),
        ("status",),
    ):
        done = subprocess.run([aegis, *home, *arguments], capture_output=True, timeout=60)
        place.told[f"aegis {' '.join(arguments[:2])}"] = done.stdout + done.stderr
    assert export.read_bytes().count(b"\n") > 40


# The memory of its processes --------------------------------------------------------------


def test_no_process_may_leave_a_core_file(place: Place) -> None:
    workers = redactors(place.firewall)
    assert workers
    for pid in (place.firewall.pid, *workers):
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)


NO_BOUND = "import resource\nresource.setrlimit = lambda *_: None\n"


def test_nor_where_no_bound_holds_it_back(world: World, tmp_path: Path) -> None:
    # As where the kernel pipes core files to a program, whatever their bound.
    worker = tmp_path / "redaction.worker.py"
    code = FAULTY_WORKER.format(project=str(PROJECT), switch=os.devnull)
    worker.write_text(NO_BOUND + code)
    (tmp_path / "sitecustomize.py").write_text(NO_BOUND + SITE.format(worker=str(worker)))
    prefix = ("sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", "env")
    with world.firewall(
        tmp_path / "dumped",
        options={"aegis_redaction_workers": "1"},
        prefix=(*prefix, f"PYTHONPATH={tmp_path}:{PROJECT}"),
    ) as firewall:
        mended(lambda: bool(redactors(firewall)))
        with client(firewall) as http:
            body = "Patient SSN 536-90-4300"
            http.post(f"{world.ehr.url}/x", content=body, headers={"content-type": "text/plain"})
        workers = redactors(firewall)
        folders = {Path(f"/proc/{pid}/cwd").readlink() for pid in (firewall.pid, *workers)}
        before = {path for folder in folders for path in folder.glob("core*")}
        for pid in (*workers, firewall.pid):
            assert resource.prlimit(pid, resource.RLIMIT_CORE)[0] != 0
            os.kill(pid, signal.SIGSEGV)
        mended(lambda: firewall.exit_code is not None)
        assert firewall.exit_code == -signal.SIGSEGV
        assert {path for folder in folders for path in folder.glob("core*")} == before


# One conversation's values in another's ---------------------------------------------------


def test_a_conversation_of_the_same_name_is_not_the_same(place: Place) -> None:
    firewall = place.firewall
    place.stand.forget()
    callers = [
        firewall.token("first"),
        firewall.token("second"),
        firewall.token("third", tenant="globex"),
    ]
    seen = []
    for token in callers:
        with client(firewall, token) as http:
            answer = http.post(
                f"{place.stand.url}/x",
                json={"prompt": "it is 536-90-4299"},
                headers={"aegis-session": "chat"},
            )
        assert answer.json()["said"] == "it is 536-90-4299"
        seen.append(place.stand.requests[-1].json()["prompt"])
    # Nobody can tell from the surrogates that it is the same value.
    assert len(set(seen)) == 3
    for token, theirs in zip(callers, (seen[1:], seen[::2], seen[:2]), strict=True):
        place.stand.answer = " ".join(theirs)
        with client(firewall, token) as http:
            answer = http.post(
                f"{place.stand.url}/x",
                json={"prompt": "mail zz@hospital.example"},
                headers={"aegis-session": "chat"},
            )
        assert answer.json()["said"] == place.stand.answer
    place.stand.answer = None
