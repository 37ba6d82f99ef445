"""A running OPA: the real program where there is one, else a small server around OPA's library.

The program is that of AEGIS_OPA, or `opa` on the path. The server speaks what Aegis asks of OPA:
POST /v1/data/aegis/decision and GET /health, with the bundle's revision as provenance.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from rules import Bundle, EvaluationError
from tests.support.opa import OpaLibrary, library
from tests.support.process import Program, ProgramError, free_port


def opa_program() -> str | None:
    """Give the path of a real `opa`, None where there is none."""
    return os.environ.get("AEGIS_OPA") or shutil.which("opa")


class OpaServer:
    """A process that decides by a bundle file; a context manager that stops it at the end."""

    def __init__(self, bundle: Bundle, folder: Path, *, program: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        file = folder / "bundle.tar.gz"
        file.write_bytes(bundle.to_bytes())
        if program is None:
            library()
            command = [sys.executable, "-m", "tests.support.opa_server", str(self.port), str(file)]
        else:
            command = [program, "run", "--server", "--addr", f"127.0.0.1:{self.port}"]
            command += ["--disable-telemetry", "--skip-verify", "--bundle", str(file)]
        self._program = Program(command, folder / "opa.log")

    def start(self) -> Self:
        """Start it and wait until it decides."""
        self._program.start()
        self._program.wait_until(self._healthy, "its health")
        return self

    def stop(self) -> None:
        """End it."""
        self._program.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except ProgramError:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/health?bundles", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    engine: OpaLibrary

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/health":
            self._answer(200, {})
        else:
            self._answer(404, {"code": "undefined_document"})

    def do_POST(self) -> None:
        target = urlsplit(self.path)
        asked = parse_qs(target.query, keep_blank_values=True)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if not target.path.startswith("/v1/data/"):
            self._answer(404, {"code": "resource_not_found"})
            return
        try:
            document = json.loads(body)["input"]
        except (ValueError, TypeError, KeyError):
            self._answer(400, {"code": "invalid_parameter"})
            return
        answer: dict[str, object] = {}
        if asked.get("provenance"):
            answer["provenance"] = {"bundles": {"bundle": {"revision": self.engine.revision}}}
        path = target.path.removeprefix("/v1/data/").replace("/", ".")
        try:
            result = self.engine.document(path, document)
        except EvaluationError as error:
            # Without strict-builtin-errors OPA takes what failed for undefined.
            if "strict-builtin-errors" in asked:
                self._answer(500, {"code": "internal_error", "message": str(error)})
                return
            result = None
        if result is not None:
            answer["result"] = result
        self._answer(200, answer)

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve the bundle file of the arguments on the port of the arguments."""
    port, file = sys.argv[1:]
    _Handler.engine = OpaLibrary(Bundle.from_bytes(Path(file).read_bytes()))
    ThreadingHTTPServer(("127.0.0.1", int(port)), _Handler).serve_forever()


if __name__ == "__main__":
    main()
