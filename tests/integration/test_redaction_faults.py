"""What a redacting firewall cannot do for certain it does not do: refused, recorded, and nothing sent."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.integration.test_faults import mended, redactors
from tests.redaction.test_attachments import make_pdf
from tests.support.echoing import EchoApi
from tests.support.firewall import Firewall
from tests.support.process import PROJECT

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: faults}}
mode: {mode}
limits: {{max_body: 400KB, larger_bodies: {larger}}}
destinations:
  - {{id: strict, hosts: [{strict.name}], ports: [{strict.port}], addresses: [127.0.0.0/8]}}
  - {{id: loose, hosts: [{loose.name}], ports: [{loose.port}], addresses: [127.0.0.0/8]}}
  - {{id: pictures, hosts: [{pictures.name}], ports: [{pictures.port}], addresses: [127.0.0.0/8]}}
  - {{id: free, hosts: [{free.name}], ports: [{free.port}], addresses: [127.0.0.0/8]}}
rules:
  - {{id: all, agents: ["*"], destinations: [strict, loose, pictures, free], effect: allow}}
redaction:
  - {{id: strict, destinations: [strict], entities: {{US_SSN: replace}}, {search}}}
  - {{id: loose, destinations: [loose], entities: {{US_SSN: replace}}, {search}, on_failure: pass}}
  - {{id: pictures, destinations: [pictures], entities: {{US_SSN: replace}}, {search}, images: pass}}
"""
NUMBER = "536-90-4399"
TEXT = f"Patient SSN {NUMBER} admitted."
LARGE = 200 * 1024
SIZES = [100, 80 * 1024]
"""Of bodies that are taken apart here, and by a worker, where that takes its time."""
TIMEOUT = 2


class Servers:
    """Upstreams that count bytes and connections."""

    def __init__(self, world: World) -> None:
        ca = world.llm.ca
        self.strict = EchoApi(ca, "strict.example.test")
        self.loose = EchoApi(ca, "loose.example.test")
        self.pictures = EchoApi(ca, "pictures.example.test")
        self.free = EchoApi(ca, "free.example.test")

    @property
    def all(self) -> list[EchoApi]:
        return [self.strict, self.loose, self.pictures, self.free]

    def policy(
        self, mode: str = "enforce", search: str = "models: []", larger: str = "deny"
    ) -> str:
        return POLICY.format(mode=mode, search=search, larger=larger, **vars(self))


@pytest.fixture(scope="module")
def servers(world: World) -> Iterator[Servers]:
    made = Servers(world)
    for upstream in made.all:
        upstream.start()
    yield made
    for upstream in made.all:
        upstream.stop()


@pytest.fixture(autouse=True)
def _forget(servers: Servers) -> None:
    for upstream in servers.all:
        upstream.forget()


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def front(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("strict")
    with Firewall(folder, servers.policy(), *servers.all, kind=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def observing(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("observing")
    with Firewall(folder, servers.policy(mode="observe"), *servers.all) as running:
        yield running


@pytest.fixture
def start(servers: Servers, tmp_path: Path) -> Iterator[Callable[..., Firewall]]:
    running: list[Firewall] = []

    def make(policy: str, **options: Any) -> Firewall:
        made = Firewall(tmp_path / f"firewall{len(running)}", policy, *servers.all, **options)
        running.append(made)
        return made.start()

    yield make
    for one in running:
        one.stop()


def post(
    firewall: Firewall, upstream: EchoApi, body: bytes, kind: str = "text/plain", **options: Any
) -> httpx.Response:
    with client(firewall, options.pop("token", None)) as http:
        headers = {"content-type": kind, **options}
        return http.post(f"{upstream.url}/notes", content=body, headers=headers)


def refused(
    firewall: Firewall, upstream: EchoApi, answer: httpx.Response, status: int, *words: str
) -> dict[str, Any]:
    """Check a refusal, that nothing was sent, and that what was recorded holds no value."""
    assert answer.status_code == status, answer.text
    assert upstream.untouched
    assert upstream.bytes_received == 0
    record = next(d for d in firewall.decisions() if d["id"] == answer.headers["x-aegis-decision"])
    assert record["effect"] == "deny"
    assert record["enforced"]
    assert "unredacted" not in record
    assert "redacted_commitment" not in record
    for word in words:
        assert word in answer.text, answer.text
        assert word in record["reason"]
    assert NUMBER not in answer.text + str(answer.headers) + str(record) + firewall.output
    return record


def text_of(size: int) -> bytes:
    """Make a note of that many bytes with a number that no cache knows."""
    words = f"Patient SSN 536-90-{next(_numbers)} came today. "
    return (words + "Nothing else to be told. " * (size // 25)).encode()


_numbers = iter(range(1000, 9999))


# What cannot be read ----------------------------------------------------------------------


class Unreadable(NamedTuple):
    kind: str
    body: Callable[[int], bytes]
    mend: str
    by: str = "redaction"
    """Who refuses it: what cannot be read at all is refused for every destination."""


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def filled(size: int) -> str:
    return TEXT + " and more of it" * (size // 15)


def chat(part: dict[str, Any]) -> Callable[[int], bytes]:
    def body(size: int) -> bytes:
        content = [{"type": "text", "text": filled(size)}, part]
        return json.dumps({"messages": [{"role": "user", "content": content}]}).encode()

    return body


def attached(media: str, data: bytes) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    return {"source": {"type": "base64", "media_type": media, "data": encoded}}


PICTURE = chat({"image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}})
UNREADABLE = {
    "half a JSON text": Unreadable(
        "application/json",
        lambda size: f'{{"note": "{filled(size)}", '.encode(),
        "not valid JSON",
        "read",
    ),
    "a name twice": Unreadable(
        "application/json",
        lambda size: f'{{"note": "{filled(size)}", "note": 1}}'.encode(),
        "a key stands in it twice",
        "read",
    ),
    "an unknown charset": Unreadable(
        "text/plain; charset=x-own", lambda size: filled(size).encode(), "charset"
    ),
    "another charset than it says": Unreadable(
        "text/plain; charset=utf-16",
        lambda size: (filled(size) + " ").encode()[: 20 + size // 2 * 2],
        "charset",
    ),
    "binary": Unreadable(
        "application/octet-stream",
        lambda size: filled(size).encode() + bytes(range(256)),
        "not text",
    ),
    "half a multipart body": Unreadable(
        "multipart/form-data; boundary=b",
        lambda size: (
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + filled(size).encode()
        ),
        "multipart",
        "read",
    ),
    "XML with a document type": Unreadable(
        "application/xml",
        lambda size: f'<!DOCTYPE a [<!ENTITY s "{NUMBER}">]><a>&s;{filled(size)}</a>'.encode(),
        "document type",
        "read",
    ),
    "a picture in a chat": Unreadable("application/json", PICTURE, "an image"),
    "a PDF with a number": Unreadable(
        "application/json", chat(attached("application/pdf", make_pdf())), "PDF"
    ),
    "a PDF that is none": Unreadable(
        "application/json", chat(attached("application/pdf", b"%PDF-1.7 " + bytes(99))), "PDF"
    ),
}


@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_not_sent(
    front: Firewall, servers: Servers, case: str, size: int
) -> None:
    kind, body, mend, by = UNREADABLE[case]
    answer = post(front, servers.strict, body(size), kind)
    if by == "read":
        record = refused(front, servers.strict, answer, 400, mend)
        assert record["code"] == "body_unreadable"
        return
    record = refused(front, servers.strict, answer, 422, mend)
    assert record["code"] == "redaction_failed"
    assert record["rule"] == "strict"
    assert post(front, servers.free, body(size), kind).status_code == 200


@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("case", UNREADABLE)
def test_or_is_sent_as_it_is_where_policy_says_so(
    front: Firewall, servers: Servers, case: str, size: int
) -> None:
    kind, body, mend, by = UNREADABLE[case]
    sent = body(size)
    answer = post(front, servers.loose, sent, kind)
    if by == "read":
        refused(front, servers.loose, answer, 400, mend)
        return
    assert answer.status_code == 200, answer.text
    assert servers.loose.requests[-1].body == sent
    record = front.decisions()[-1]
    assert record["unredacted"] == "unreadable"
    assert record["redacted"] == {}
    assert "redacted_commitment" not in record
    assert NUMBER not in str(record) + front.output


@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("case", UNREADABLE)
def test_observing_sends_it_too_and_says_so(
    observing: Firewall, servers: Servers, case: str, size: int
) -> None:
    kind, body, mend, by = UNREADABLE[case]
    sent = body(size)
    answer = post(observing, servers.strict, sent, kind)
    if by == "read":
        # Nobody could say what policy would have decided.
        refused(observing, servers.strict, answer, 400, mend)
        return
    assert answer.status_code == 200
    assert servers.strict.requests[-1].body == sent
    record = observing.decisions()[-1]
    assert record["redacted"] == {"unreadable": 1}
    assert not record["enforced"]
    assert NUMBER not in str(record) + observing.output


@pytest.mark.parametrize("size", [100, LARGE])
def test_messages_of_grpc_are_not_sent(front: Firewall, servers: Servers, size: int) -> None:
    body = b"\0\0\0\0\x1e" + filled(size).encode()
    answer = post(front, servers.strict, body, "application/grpc")
    assert answer.headers["grpc-status"] == "3"
    assert "not text" in answer.headers["grpc-message"]
    assert servers.strict.untouched
    record = front.decisions()[-1]
    assert (record["effect"], record["code"]) == ("deny", "redaction_failed")


@pytest.mark.parametrize("size", [100, LARGE])
def test_a_picture_may_pass_and_the_text_beside_it_does_not(
    front: Firewall, servers: Servers, size: int
) -> None:
    sent = PICTURE(size)
    assert post(front, servers.pictures, sent, "application/json").status_code == 200
    got = servers.pictures.requests[-1].body
    assert got == sent.replace(NUMBER.encode(), b"<US_SSN>")
    assert front.decisions()[-1]["redacted"] == {"US_SSN": 1}


@pytest.mark.parametrize("size", [100, LARGE])
def test_what_was_taken_out_is_recorded_without_its_value(
    front: Firewall, servers: Servers, size: int
) -> None:
    body = json.dumps({"note": filled(size), "n": 1.50}).encode()
    marks = set()
    for _ in range(2):
        assert post(front, servers.strict, body, "application/json").status_code == 200
        record = front.decisions()[-1]
        assert record["effect"] == "sanitize"
        assert record["redacted"] == {"US_SSN": 1}
        assert record["redacted_at"] == [{"place": "/note", "entity": "US_SSN", "count": 1}]
        assert "code" not in record
        marks.add(record["redacted_commitment"])
    # Salted by the exchange, lest equal values be seen to be equal.
    assert len(marks) == 2
    assert all(len(mark) == 64 for mark in marks)
    assert servers.strict.requests[-1].body == body.replace(NUMBER.encode(), b"<US_SSN>")


@pytest.mark.parametrize("size", [100, LARGE])
def test_observing_changes_no_byte(observing: Firewall, servers: Servers, size: int) -> None:
    sent = json.dumps({"note": filled(size), NUMBER: 536904399}, indent=1).encode()
    with client(observing) as http:
        http.post(
            f"{servers.strict.url}/notes/{NUMBER}?q={NUMBER}",
            content=sent,
            headers={"content-type": "application/json", "x-note": NUMBER},
        )
    request = servers.strict.requests[-1]
    assert request.body == sent
    assert request.target == f"/notes/{NUMBER}?q={NUMBER}"
    assert request.header("x-note") == NUMBER
    record = observing.decisions()[-1]
    assert record["redacted"]["US_SSN"] >= 5
    assert record["redacted_commitment"]
    assert NUMBER not in str(record)


def test_no_header_carries_a_number_out(front: Firewall, servers: Servers) -> None:
    for name in ("accept", "accept-encoding", "content-type", "te", "user-agent", "x-note"):
        with client(front) as http:
            http.post(
                f"{servers.strict.url}/notes", content=b"none", headers={name: f"text/x-{NUMBER}"}
            )
    assert NUMBER.encode() not in servers.strict.everything()
    assert servers.strict.requests
    servers.strict.forget()
    with client(front) as http:
        answer = http.get(f"{servers.strict.url}/notes", headers={f"x-{NUMBER}": "1"})
    refused(front, servers.strict, answer, 422, "name of a header")


# Bodies beyond the bound ------------------------------------------------------------------


def test_a_body_beyond_the_bound_is_not_sent(front: Firewall, servers: Servers) -> None:
    answer = post(front, servers.strict, text_of(500_000))
    record = refused(front, servers.strict, answer, 413, "larger")
    assert record["code"] == "body_too_large"


def test_nor_where_larger_ones_may_pass_unread(
    servers: Servers, start: Callable[..., Firewall]
) -> None:
    firewall = start(servers.policy(larger="pass"))
    answer = post(firewall, servers.strict, text_of(500_000))
    record = refused(firewall, servers.strict, answer, 413, "too large")
    assert record["code"] == "body_too_large"
    sent = text_of(500_000)
    assert post(firewall, servers.loose, sent).status_code == 200
    assert servers.loose.requests[-1].body == sent
    assert firewall.decisions()[-1]["unredacted"] == "unread"
    assert post(firewall, servers.free, sent).status_code == 200
    assert "unredacted" not in firewall.decisions()[-1]


# Workers in trouble -----------------------------------------------------------------------

FAULTY_WORKER = '''
"""The worker, which goes wrong as the file beside it says."""

import os, signal, struct, sys, time

sys.path.insert(0, {project!r})
from redaction import worker

real = worker.answer


class Broken:
    def __init__(self, frame):
        self.frame = frame

    def analyze(self, *_):
        raise ValueError(self.frame.decode("latin-1"))


def answer(analyzer, frame):
    how = open({switch!r}).read()
    if how == "abort":
        os.abort()
    if how == "segment":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(1)
    if how == "hang" and b"Warm up" not in frame:
        time.sleep(3600)
    if how == "raise":
        return real(Broken(frame), frame)
    if how == "memory":
        raise MemoryError(frame)
    if how == "rubbish":
        return frame
    if how == "prints":
        print(frame)
        print(frame, file=sys.stderr)
        os.write(1, frame)
        os.write(2, frame)
    if how == "too long":
        return struct.pack(">I", 2**31) + frame
    if how == "cut off":
        os.write(sys_stdout, struct.pack(">I", 1000) + frame[:100])
        os._exit(0)
    return real(analyzer, frame)


def send(sink, frame):
    global sys_stdout
    sys_stdout = sink.fileno()
    sink.write(frame)
    sink.flush()


def serve(analyzer, source, sink, *more):
    global sys_stdout
    sys_stdout = sink.fileno()
    return real_serve(analyzer, source, sink, *more)


real_serve = worker.serve
worker.serve, worker.answer, worker._send = serve, answer, send
sys.exit(worker.main(sys.argv[1:]))
'''
SITE = """
import importlib.machinery, sys

class Breaker:
    def find_spec(self, name, path, target=None):
        if name != "addons.worker_pool":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            pool = module.WorkerPool
            real = pool.__init__

            def init(self, *arguments, **named):
                real(self, *arguments, **named)
                if "redaction.worker" in self._command:
                    self._command = [sys.executable, {worker!r}]

            pool.__init__ = init

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Breaker())
"""


class Faulty:
    """A firewall whose redaction workers go wrong when they are told to."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        self._switch = folder / "how"
        worker = folder / "redaction.worker.py"
        worker.write_text(
            FAULTY_WORKER.format(project=str(PROJECT), switch=str(self._switch)), "utf-8"
        )
        (folder / "sitecustomize.py").write_text(SITE.format(worker=str(worker)), "utf-8")
        self.goes("")
        self.firewall = Firewall(
            folder,
            servers.policy(),
            *servers.all,
            prefix=("env", f"PYTHONPATH={folder}:{PROJECT}"),
            options={"aegis_redaction_timeout": str(TIMEOUT)},
        )

    def goes(self, how: str) -> None:
        draft = self._switch.with_suffix(".new")
        draft.write_text(how, "ascii")
        draft.replace(self._switch)


@pytest.fixture(scope="module")
def faulty(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    made = Faulty(tmp_path_factory.mktemp("faulty"), servers)
    with made.firewall:
        yield made


@pytest.fixture
def mending(faulty: Faulty) -> Iterator[None]:
    yield
    faulty.goes("")


WRONG = {
    # Where no other worker is ready in time it is that.
    **dict.fromkeys(["abort", "segment", "kill", "exit", "cut off", "too long", "memory"], "again"),
    **dict.fromkeys(["raise", "rubbish"], "failed"),
    "hang": "send less at a time",
}


@pytest.mark.parametrize(
    ("how", "size"),
    [
        # Each at one size every time; the other takes as long and `scripts/test-long` tries it.
        pytest.param(how, size, marks=[pytest.mark.long] if (number + side) % 2 else [])
        for number, how in enumerate(WRONG)
        for side, size in enumerate(SIZES)
    ],
)
@pytest.mark.usefixtures("mending")
def test_a_worker_that_goes_wrong(faulty: Faulty, servers: Servers, how: str, size: int) -> None:
    firewall = faulty.firewall
    mended(lambda: post(firewall, servers.strict, text_of(size)).status_code == 200)
    for upstream in servers.all:
        upstream.forget()
    faulty.goes(how)
    begun = time.monotonic()
    sent = text_of(size)
    value = sent[12:23].decode()
    answer = post(firewall, servers.strict, sent)
    assert time.monotonic() - begun < 2 * TIMEOUT + size / 20_000 + 5
    record = refused(firewall, servers.strict, answer, 503, WRONG[how])
    assert record["code"] == "redaction_failed"
    loose = post(firewall, servers.loose, sent)
    assert loose.status_code == 200
    assert servers.loose.requests[-1].body == sent
    assert firewall.decisions()[-1]["unredacted"] == "search_failed"
    assert post(firewall, servers.free, sent).status_code == 200
    faulty.goes("")
    mended(lambda: post(firewall, servers.strict, text_of(size)).status_code == 200)
    assert b"536-90" not in servers.strict.everything()
    assert value not in firewall.output + str(firewall.records())
    assert "Traceback" not in firewall.output


def test_what_a_worker_prints_is_no_answer_and_goes_nowhere(
    faulty: Faulty, servers: Servers
) -> None:
    firewall = faulty.firewall
    mended(lambda: post(firewall, servers.strict, text_of(100)).status_code == 200)
    faulty.goes("prints")
    sent = text_of(100)
    assert post(firewall, servers.strict, sent).status_code == 200
    faulty.goes("")
    assert b"<US_SSN>" in servers.strict.requests[-1].body
    assert sent[12:23].decode() not in firewall.output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
@pytest.mark.parametrize("size", SIZES)
def test_a_worker_killed_in_the_middle_is_made_good_by_another(
    front: Firewall, servers: Servers, size: int, number: int
) -> None:
    mended(lambda: len(redactors(front)) == 2)
    for worker in redactors(front):
        os.kill(worker, signal.SIGSTOP)
    answers: list[httpx.Response] = []
    sent = text_of(size)
    caller = threading.Thread(target=lambda: answers.append(post(front, servers.strict, sent)))
    stopped = redactors(front)
    caller.start()
    time.sleep(0.7)
    assert servers.strict.untouched
    assert post(front, servers.free, sent).status_code == 200
    # One after the other: the question goes to each of them, and is given up after that.
    for worker in stopped:
        os.kill(worker, number)
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGCONT)
    caller.join(30)
    (answer,) = answers
    if answer.status_code == 503:
        refused(front, servers.strict, answer, 503, "try again")
    else:
        assert answer.status_code == 200
        assert b"536-90" not in servers.strict.everything()
        assert b"<US_SSN>" in servers.strict.requests[-1].body
    mended(lambda: post(front, servers.strict, text_of(size)).status_code == 200)
    assert b"536-90" not in servers.strict.everything()


@pytest.mark.parametrize("size", SIZES)
def test_a_search_that_takes_too_long_holds_up_nobody_else(
    servers: Servers, start: Callable[..., Firewall], size: int
) -> None:
    firewall = start(servers.policy(), options={"aegis_redaction_timeout": str(TIMEOUT)})
    other = firewall.token("other")
    mended(lambda: len(redactors(firewall)) == 2)
    for worker in redactors(firewall):
        os.kill(worker, signal.SIGSTOP)
    answers: list[httpx.Response] = []
    sent = text_of(size)
    begun = time.monotonic()
    caller = threading.Thread(target=lambda: answers.append(post(firewall, servers.strict, sent)))
    caller.start()
    while caller.is_alive() and time.monotonic() - begun < TIMEOUT:
        asked = time.monotonic()
        assert post(firewall, servers.free, sent, token=other).status_code == 200
        assert time.monotonic() - asked < 1.5
    caller.join(60)
    (answer,) = answers
    assert time.monotonic() - begun < TIMEOUT + size / 20_000 + 6
    record = refused(firewall, servers.strict, answer, 503, "within")
    assert record["code"] == "redaction_failed"
    mended(lambda: post(firewall, servers.strict, text_of(size), token=other).status_code == 200)


def test_a_model_that_is_not_there(servers: Servers, tmp_path: Path) -> None:
    policy = servers.policy(search="languages: [xx]").replace("US_SSN: replace", "PERSON: replace")
    firewall = Firewall(tmp_path / "xx", policy, *servers.all)
    _refuses_to_start(firewall, "xx")


def test_a_model_that_a_file_names_and_is_not_there(servers: Servers, tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text(
        "nlp_engine_name: spacy\nmodels: [{lang_code: de, model_name: de_core_news_none}]\n"
    )
    policy = servers.policy(search="languages: [de]").replace("US_SSN: replace", "PERSON: replace")
    firewall = Firewall(
        tmp_path / "de", policy, *servers.all, options={"aegis_redaction_models": str(models)}
    )
    _refuses_to_start(firewall, "de_core_news_none")


def _refuses_to_start(firewall: Firewall, word: str) -> None:
    begun = time.monotonic()
    with pytest.raises(AssertionError):
        firewall.start(60)
    try:
        assert firewall.exit_code not in (None, 0)
        assert word in firewall.output
        assert "Traceback" not in firewall.output
        assert time.monotonic() - begun < 40
    finally:
        firewall.stop()
