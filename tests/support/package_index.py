"""A package index as pip and npm know them, with one small package for each."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zipfile

from tests.support.server import Reply, Request, Upstream, json_reply

NAME, VERSION = "aegis-sample", "1.2.3"
_MODULE = "aegis_sample"


class PackageIndex(Upstream):
    """GET /simple/aegis-sample/ leads pip to a wheel, GET /aegis-sample leads npm to a tarball.

    Both packages say "sample 1.2.3" when they are run.
    """

    names = ("packages.example.test",)

    async def handle(self, request: Request) -> Reply:
        """Answer a request, a HEAD without the body."""
        reply = self._found(request)
        if request.method == "HEAD" and isinstance(reply.body, bytes):
            length = ("content-length", str(len(reply.body)))
            return Reply(reply.status, [*reply.headers, length])
        return reply

    def _found(self, request: Request) -> Reply:
        wheel_name = f"{_MODULE}-{VERSION}-py3-none-any.whl"
        if request.path == f"/simple/{NAME}/":
            digest = hashlib.sha256(_WHEEL).hexdigest()
            link = f'<a href="/files/{wheel_name}#sha256={digest}">{wheel_name}</a>'
            page = f"<!DOCTYPE html><html><body>{link}</body></html>"
            return Reply(200, [("content-type", "text/html")], page.encode())
        if request.path == f"/files/{wheel_name}":
            return Reply(200, [("content-type", "application/octet-stream")], _WHEEL)
        if request.path == f"/{NAME}":
            return json_reply(self._document())
        if request.path == f"/{NAME}/-/{NAME}-{VERSION}.tgz":
            return Reply(200, [("content-type", "application/octet-stream")], _TARBALL)
        return json_reply({"error": "no such package"}, 404)

    def _document(self) -> dict[str, object]:
        integrity = base64.b64encode(hashlib.sha512(_TARBALL).digest()).decode()
        tarball = f"{self.url}/{NAME}/-/{NAME}-{VERSION}.tgz"
        version = {
            "name": NAME,
            "version": VERSION,
            "dist": {"tarball": tarball, "integrity": f"sha512-{integrity}"},
        }
        return {"name": NAME, "dist-tags": {"latest": VERSION}, "versions": {VERSION: version}}


def _wheel() -> bytes:
    info = f"{_MODULE}-{VERSION}.dist-info"
    files = {
        f"{_MODULE}.py": f'print("sample {VERSION}")\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _tarball() -> bytes:
    files = {
        "package/package.json": json.dumps({"name": NAME, "version": VERSION, "main": "index.js"}),
        "package/index.js": f'console.log("sample {VERSION}");\n',
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


_WHEEL, _TARBALL = _wheel(), _tarball()
