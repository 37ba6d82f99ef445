"""A page as a browser meets it: it fetches, uses XMLHttpRequest and opens a WebSocket."""

from __future__ import annotations

from tests.support.server import Reply, Request, Upstream, json_reply

PAGE = """<!DOCTYPE html>
<html><head><title>waiting</title></head><body><script>
const told = {};
function got(name, value) {
  told[name] = value;
  if (Object.keys(told).length === 4) document.title = JSON.stringify(told);
}
async function status(path) {
  const answer = await fetch(path);
  const said = await answer.json();
  return [answer.status, said.error ? said.error.code : said.path];
}
status("/data").then(told => got("fetch", told), error => got("fetch", String(error)));
status("/secret").then(told => got("refused", told), error => got("refused", String(error)));
const xhr = new XMLHttpRequest();
xhr.onloadend = () => got("xhr", xhr.status);
xhr.open("POST", "/data");
xhr.send("hello");
const socket = new WebSocket("SOCKET");
socket.onopen = () => socket.send("hello");
socket.onmessage = event => got("socket", event.data);
socket.onclose = event => got("socket", event.code);
</script></body></html>
"""


class WebPage(Upstream):
    """GET /page gives the page, all else a document; `socket` is the WebSocket it opens."""

    names = ("page.example.test",)
    socket = ""

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.path == "/page":
            page = PAGE.replace("SOCKET", self.socket)
            return Reply(200, [("content-type", "text/html; charset=utf-8")], page.encode())
        return json_reply({"path": request.path})
