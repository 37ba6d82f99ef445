"""The gRPC library's own client through the firewall; needs `grpcio`, which the project does not.

    python tests/support/real_grpc.py CHECKOUT_PYTHON     starts a firewall and an upstream of grpcio

Run it with an interpreter that has grpcio; CHECKOUT_PYTHON is one that has the firewall's packages.
It prints one line for each check and exits 1 when one fails.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NAME = "grpc.example.test"
SERVICE = "/aegis.test.Echo/"
POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: grpc}}
destinations:
  - id: echo
    hosts: [grpc.example.test]
    ports: [{port}]
    addresses: [127.0.0.0/8]
    request_streams: pass
tools:
  - {{id: echo.secret, destination: echo, http: {{path: /aegis.test.Echo/Secret}}}}
  - id: echo.checked
    destination: echo
    http: {{methods: [POST], path: /aegis.test.Echo/Checked}}
    arguments: {{max_amount: 5}}
rules:
  - {{id: all, agents: ["*"], destinations: [echo], effect: allow}}
  - {{id: no-secrets, agents: ["*"], tools: [echo.secret], effect: deny}}
"""
CERTIFICATES = """
import sys
from pathlib import Path
from tests.support.authority import LocalCa
folder = Path(sys.argv[1])
LocalCa(folder).write_key_pair(folder, sys.argv[2])
"""


def plain(value: bytes) -> bytes:
    return value


def serve(folder: Path) -> tuple[Any, int]:
    """Start the upstream."""
    import grpc

    def unary(request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("x-deadline", str(context.time_remaining() is not None)),))
        return request

    def down(request: bytes, context: Any) -> Iterator[bytes]:
        for _ in range(100):
            yield request

    def up(requests: Iterator[bytes], context: Any) -> bytes:
        return b"".join(requests)

    def both(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield from requests

    def fail(request: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ü 100%")
        return b""

    def early(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield next(requests)
        context.abort(grpc.StatusCode.ABORTED, "enough")

    def slow(request: bytes, context: Any) -> bytes:
        stopped = threading.Event()
        context.add_callback(stopped.set)
        if stopped.wait(10):
            STOPPED.set()
        return request

    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary, plain, plain),
        "Down": grpc.unary_stream_rpc_method_handler(down, plain, plain),
        "Up": grpc.stream_unary_rpc_method_handler(up, plain, plain),
        "Both": grpc.stream_stream_rpc_method_handler(both, plain, plain),
        "Fail": grpc.unary_unary_rpc_method_handler(fail, plain, plain),
        "Early": grpc.stream_stream_rpc_method_handler(early, plain, plain),
        "Slow": grpc.unary_unary_rpc_method_handler(slow, plain, plain),
    }
    server = grpc.server(
        futures.ThreadPoolExecutor(20), options=[("grpc.max_receive_message_length", -1)]
    )
    service = grpc.method_handlers_generic_handler("aegis.test.Echo", handlers)
    server.add_generic_rpc_handlers((service,))
    key, chain = (folder / f"{NAME}.{end}" for end in ("key", "crt"))
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, port


STOPPED = threading.Event()


def firewall(python: str, folder: Path, port: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start the firewall and wait for it."""
    policy, hosts = folder / "policy.yaml", folder / "hosts"
    policy.write_text(POLICY.format(port=port), "utf-8")
    hosts.write_text(f"127.0.0.1 {NAME}\n", "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
    home = folder / "home"
    process = subprocess.Popen(
        [python, "-m", "addons", "--policy", str(policy), "--home", str(home)]
        + ["--port", str(own), "--hosts-file", str(hosts)]
        + ["--upstream-ca", str(folder / "upstream-ca.pem")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    while not (home / "proxy.json").exists():
        if process.poll() is not None:
            raise SystemExit("the firewall did not start")
        time.sleep(0.05)
    return process, own


def main() -> int:
    """Run all checks."""
    python = sys.argv[1]
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(
            [python, "-c", CERTIFICATES, name, NAME], check=True, cwd=ROOT, env=environment
        )
        server, port = serve(folder)
        process, own = firewall(python, folder, port)
        try:
            home = folder / "home"
            token = (home / "default.token").read_text("ascii").strip()
            os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(home / "ca-bundle.pem")
            # As `aegis run` sets it.
            os.environ["https_proxy"] = f"http://aegis:{token}@127.0.0.1:{own}"
            os.environ.pop("no_proxy", None)
            for check in checks(port):
                try:
                    said = check()
                    print(f"ok    {check.__name__}{': ' + said if said else ''}", flush=True)
                except Exception as error:
                    failures += 1
                    print(f"FAIL  {check.__name__}: {type(error).__name__}: {error}", flush=True)
        finally:
            process.terminate()
            process.wait()
            server.stop(None)
    return 1 if failures else 0


def checks(port: int) -> list[Callable[[], str | None]]:
    """Give the checks, each a function that raises when it fails."""
    import grpc

    channel = grpc.secure_channel(
        f"{NAME}:{port}",
        grpc.ssl_channel_credentials(),
        options=[("grpc.max_receive_message_length", -1)],
    )
    kinds = {
        "Down": channel.unary_stream,
        "Up": channel.stream_unary,
        "Both": channel.stream_stream,
        "Early": channel.stream_stream,
    }

    def method(name: str, kind: Any = None) -> Any:
        return (kind or kinds.get(name, channel.unary_unary))(SERVICE + name, plain, plain)

    def refused(call: Callable[[], Any]) -> grpc.RpcError:
        try:
            call()
        except grpc.RpcError as error:
            return error
        raise AssertionError("it went through")

    def unary() -> None:
        answer, call = method("Unary").with_call(b"hello", timeout=10)
        assert answer == b"hello"
        assert dict(call.trailing_metadata())["x-deadline"] == "True"

    def compressed() -> None:
        gzip = grpc.Compression.Gzip
        assert method("Unary")(b"x" * 10_000, timeout=10, compression=gzip) == b"x" * 10_000

    def large_message() -> None:
        assert len(method("Unary")(bytes(20_000_000), timeout=60)) == 20_000_000

    def server_streaming() -> None:
        assert list(method("Down")(b"x", timeout=10)) == [b"x"] * 100

    def client_streaming() -> None:
        assert method("Up")(iter([b"a", b"b", b"c"]), timeout=10) == b"abc"

    def both_ways_in_turn() -> str:
        turn: list[bytes] = []
        ready = threading.Semaphore(1)

        def ask() -> Iterator[bytes]:
            for number in range(50):
                ready.acquire()
                yield b"%d" % number

        begun = time.monotonic()
        for answer in method("Both")(ask(), timeout=20):
            turn.append(answer)
            ready.release()
        assert turn == [b"%d" % number for number in range(50)]
        return f"{(time.monotonic() - begun) * 20:.1f} ms a turn"

    def many_at_once() -> None:
        calls = [method("Unary").future(b"%d" % number, timeout=20) for number in range(200)]
        assert [call.result() for call in calls] == [b"%d" % number for number in range(200)]

    def upstreams_status() -> None:
        error = refused(lambda: method("Fail")(b"", timeout=10))
        assert error.code() is grpc.StatusCode.NOT_FOUND
        assert error.details() == "no such thing: ü 100%"

    def ended_early() -> None:
        stop = threading.Event()

        def ask() -> Iterator[bytes]:
            yield b"one"
            stop.wait(10)

        error = refused(lambda: list(method("Early")(ask(), timeout=10)))
        stop.set()
        assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "enough"), error

    def deadline() -> None:
        error = refused(lambda: method("Slow")(b"", timeout=0.5))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert STOPPED.wait(5), "the upstream was not told"

    def denied() -> str:
        begun = time.monotonic()
        error = refused(lambda: method("Secret")(b"", timeout=10))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED, error
        assert "no-secrets" in error.details()
        assert dict(error.initial_metadata() or ()) or dict(error.trailing_metadata() or ())
        assert time.monotonic() - begun < 2
        return str(error.details())

    def denied_stream_that_sends_nothing() -> None:
        stop = threading.Event()

        def ask() -> Iterator[bytes]:
            stop.wait(10)
            yield b""

        error = refused(lambda: list(method("Secret", channel.stream_stream)(ask(), timeout=5)))
        stop.set()
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED, error

    def denied_for_arguments() -> None:
        error = refused(lambda: method("Checked")(b"", timeout=10))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED, error

    def serves_on() -> None:
        assert method("Unary")(b"still", timeout=10) == b"still"

    def unknown_destination() -> str:
        with grpc.secure_channel("other.example.test:443", grpc.ssl_channel_credentials()) as other:
            call = other.unary_unary(SERVICE + "Unary", plain, plain)
            error = refused(lambda: call(b"", timeout=5))
        assert error.code() is grpc.StatusCode.UNAVAILABLE, error
        return json.dumps(error.details())

    return [
        unary, compressed, large_message, server_streaming, client_streaming, both_ways_in_turn,
        many_at_once, upstreams_status, ended_early, deadline, denied,
        denied_stream_that_sends_nothing, denied_for_arguments, serves_on, unknown_destination,
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
