"""`aegis policy explain`: what a policy decides on a request, why, and what would change it."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import BAD_INPUT, complain, out, print_json, printable, table
from control.policy_changes import changes
from control.policy_test import bench_of
from rules import EvaluationError, PolicyError, load_bundle
from rules.errors import refused
from rules.marked_yaml import Marked, read
from rules.policy_bench import Answer, PolicyBench
from rules.policy_test import policy_test_schema
from rules.policy_test_request import AskedRequest, merge, mistakes
from rules.schema import check_shape

Many = list[str] | None

_OPTIONS = {
    "on_behalf_of": "--on-behalf-of",
    "json": "--json-body",
    "mcp": "--mcp-tool",
    "groups": "--group",
    "headers": "--header",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="A policy, folder or bundle.")],
    agent: Annotated[str | None, typer.Option(help="The agent that calls.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Its tenant.")] = None,
    group: Annotated[Many, typer.Option(help="A group it is in; repeatable.")] = None,
    proof: Annotated[str | None, typer.Option(help="What proved who it is.")] = None,
    on_behalf_of: Annotated[Many, typer.Option(help="For whom it acts; repeatable.")] = None,
    method: Annotated[str | None, typer.Option(help="The HTTP method.")] = None,
    url: Annotated[str | None, typer.Option(help="Where it goes.")] = None,
    header: Annotated[
        Many, typer.Option(metavar="NAME:VALUE", help="A header; repeatable.")
    ] = None,
    json_body: Annotated[
        str | None, typer.Option(metavar="FILE|-|TEXT", help="The body as JSON.")
    ] = None,
    mcp_tool: Annotated[str | None, typer.Option(help="The MCP tool that is called.")] = None,
    arguments: Annotated[
        str | None, typer.Option(metavar="JSON", help="The arguments of the MCP tool.")
    ] = None,
    connect: Annotated[bool, typer.Option("--connect", help="Ask about the tunnel alone.")] = False,
    data: Annotated[Many, typer.Option(help="A data label found in it; repeatable.")] = None,
    environment: Annotated[
        Many, typer.Option("--env", metavar="NAME=VALUE", help="A label of the firewall's place.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When, such as 2026-03-02T10:00:00Z.")
    ] = None,
    exceeded: Annotated[Many, typer.Option(help="A budget or rate that is used up.")] = None,
    approved: Annotated[Many, typer.Option(help="A rule that a person said yes to.")] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input", metavar="FILE", help="The request as in a PolicyTest; - for stdin."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain what a policy decides on one request, and what would change it."""
    given: dict[str, Any] = {
        "agent": agent,
        "tenant": tenant,
        "groups": group,
        "proof": proof,
        "on_behalf_of": on_behalf_of,
        "method": method.upper() if method else None,
        "url": url,
        "connect": connect or None,
        "data": data,
        "at": at,
        "exceeded": exceeded,
        "approved": approved,
    }
    if header:
        given["headers"] = _headers(header)
    if environment:
        given["environment"] = dict(_pair(item, "=", "--env") for item in environment)
    if json_body is not None:
        given["json"] = _json_body(json_body)
    if mcp_tool is not None:
        given["mcp"] = {"tool": mcp_tool}
        if arguments is not None:
            given["mcp"]["arguments"] = _object(arguments, "--arguments")
    elif arguments is not None:
        _refuse("--arguments: they belong to a tool. Add --mcp-tool NAME.")
    written = {key: value for key, value in given.items() if value not in (None, [])}
    written = _checked(written, _read_input(source) if source is not None else None)
    with bench_of(load_bundle(policy)) as bench:
        request = bench.request(written)
        try:
            answer = bench.ask(request)
        except EvaluationError as error:
            complain(f"the policy gives no decision on this ({error}); the firewall refuses it.")
            raise typer.Exit(1) from None
        if as_json:
            print_json(_plain(bench, request, answer))
        else:
            _show(bench, request, answer)


def _checked(written: dict[str, Any], source: Marked | None) -> dict[str, Any]:
    """Put input and options together; options win. Ends with code 2 for mistakes."""
    if source is not None:
        problems = check_shape(source, _request_schema()) or [
            source.problem(path, message, mend)
            for path, message, mend in mistakes(source.data, whole=False)
        ]
        if problems:
            raise PolicyError(problems)
        written = merge([source.data, written])
    written.setdefault("at", datetime.now(UTC).isoformat())
    found = list(mistakes(written, whole=True))
    for path, message, mend in found:
        key = str(path[0]) if path else message.rpartition(" ")[2]
        option = _OPTIONS.get(key, f"--{key}")
        hint = f"Add {option}." if not path else mend
        complain(f"{option}: {message}. {hint}")
    if found:
        raise typer.Exit(BAD_INPUT)
    return written


def _request_schema() -> dict[str, Any]:
    whole = policy_test_schema()
    return {"$schema": whole["$schema"], **whole["$defs"]["request"]}


def _read_input(path: Path) -> Marked:
    if str(path) == "-":
        return read(sys.stdin.buffer.read(), "standard input")
    try:
        return read(path.read_bytes(), path.name)
    except OSError as error:
        raise refused(
            str(path), f"the file cannot be read ({error.strerror})", "Check the path."
        ) from None


def _headers(written: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in written:
        name, value = _pair(item, ":", "--header")
        found.setdefault(name, []).append(value.strip())
    return found


def _pair(text: str, between: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition(between)
    if not found or not name.strip():
        _refuse(f"{option}: '{text}' has no '{between}'. Write NAME{between}VALUE.")
    return name.strip(), value


def _json_body(text: str) -> Any:
    if text == "-":
        return _json(sys.stdin.read(), "--json-body: standard input")
    if os.path.isfile(text):
        try:
            return _json(Path(text).read_text("utf-8"), f"--json-body: {text}")
        except UnicodeDecodeError:
            _refuse(f"--json-body: {text} is not UTF-8.")
    return _json(text, "--json-body: it names no file and")


def _object(text: str, option: str) -> Any:
    value = _json(text, f"{option}: it")
    if not isinstance(value, dict):
        _refuse(f'{option}: it is no object. Write it like {{"amount": 40}}.')
    return value


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        _refuse(f"{what} is no JSON: {error.msg}, line {error.lineno}, column {error.colno}.")
    except RecursionError:
        _refuse(f"{what} is nested too deep.")


def _refuse(message: str) -> Any:
    complain(message)
    raise typer.Exit(BAD_INPUT)


def _show(bench: PolicyBench, request: AskedRequest, answer: Answer) -> None:
    decision = answer.decision
    where = f" ({answer.source})" if answer.source else ""
    out().print(escape(f"{answer.effect} by '{answer.rule}'{where}: {answer.reason}"))
    called = ", ".join(printable(call.name) for call in answer.calls) or "no tool"
    place = (decision.destination if decision else "") or "none"
    end = f"{request.http.scheme}://{request.http.host}:{request.http.port}"
    out().print(escape(f"Destination: {place} ({end}); calls {called}."))
    if decision is not None and decision.would is not None:
        effect, rule = decision.would
        if (effect, rule) != (decision.effect, decision.rule):
            out().print(escape(f"With the rules that only observe: {effect} by '{rule}'."))
    if answer.explanations:
        out().print()
        chain = table("effect", "rule", "where", "why")
        for each in answer.explanations:
            for cause in each.causes:
                effect_shown = f"{cause.effect} (observed)" if cause.observed else cause.effect
                chain.add_row(effect_shown, *map(escape, (cause.rule, cause.source, cause.reason)))
        out().print(chain)
    lines = changes(bench.config, request, answer)
    if lines:
        out().print()
        out().print("What would change it:" if _refused(answer) else "What comes with it:")
        for line in lines:
            out().print(escape(f"  {line}"))


def _refused(answer: Answer) -> bool:
    return answer.effect in ("deny", "require_approval")


def _plain(bench: PolicyBench, request: AskedRequest, answer: Answer) -> dict[str, Any]:
    decision = answer.decision
    return {
        "effect": answer.effect,
        "rule": answer.rule,
        "reason": answer.reason,
        "source": answer.source,
        "revision": bench.revision,
        "destination": decision.destination if decision else "",
        "tools": [call.name for call in answer.calls],
        "redact": list(decision.redact) if decision else [],
        "approve": [item.id or item.rule for item in decision.approve] if decision else [],
        "reserve": [item.id for item in decision.reserve] if decision else [],
        "throttle": list(decision.throttle) if decision else [],
        "route": decision.route_host if decision else "",
        "causes": [
            {
                "effect": cause.effect,
                "rule": cause.rule,
                "source": cause.source,
                "reason": cause.reason,
                "observed": cause.observed,
                "tool": each.call.name if each.call is not None else None,
            }
            for each in answer.explanations
            for cause in each.causes
        ],
        "changes": changes(bench.config, request, answer),
    }
