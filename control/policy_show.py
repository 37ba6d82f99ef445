"""`aegis policy show`: what a policy says, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import BAD_INPUT, complain, home_of, out, print_json, running_on, table
from control.in_force import bundle_in_force
from rules import load_bundle
from rules.opaque_bodies import ANY_SIZE


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(show)


def show(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Default: the policy of the running firewall."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a policy says: its destinations, tools, rules and redactions."""
    if file is None:
        home = home_of(context)
        running = running_on(home)
        if running is None or running.policy is None:
            complain("no running firewall says which policy it decides by; name a file.")
            raise typer.Exit(BAD_INPUT)
        place, bundle = bundle_in_force(home, running.policy)
    else:
        place, bundle = str(file), load_bundle(file)
    config = bundle.data["aegis_cfg"]
    if as_json:
        print_json({"file": place, "revision": bundle.revision, **config})
        return
    limits = config["limits"]
    out().print(escape(f"{config['name']} ({place}), revision {bundle.revision}"))
    out().print(
        f"Mode {config['mode']}; bodies up to {limits['max_body_bytes']} bytes, "
        f"larger ones: {limits['larger_bodies']}."
    )
    _table(("destination", "reached at", "region", "binary", "redaction"), _destinations(config))
    _table(("tool", "is", "arguments must"), _tools(config))
    _table(("rule", "effect", "agents", "destination or tool", "line"), _rules(config))
    _table(("budget or rate", "limit", "of each", "beyond it"), _budgets(config))
    _table(("redaction", "entity", "operator", "line"), _redactions(config))


def _destinations(config: Any) -> Iterator[tuple[str, ...]]:
    places: dict[str, list[str]] = {name: [] for name in config["destinations"]}
    for prefix, hosts in (("", config["hosts"]), ("*.", config["suffixes"])):
        for host, ends in hosts.items():
            for end, destination in ends.items():
                scheme, _, port = end.partition(":")
                if scheme != "connect":
                    places[destination].append(f"{scheme}://{prefix}{host}:{port}")
    for name, options in config["destinations"].items():
        redact = [
            item for layer in config["layers"].values() for item in layer["redact"].get(name, ())
        ]
        bound = options.get("opaque_bodies", ANY_SIZE)
        opaque = "any" if bound == ANY_SIZE else f"{bound} bytes" if bound else "none"
        yield name, "\n".join(places[name]), options["region"], opaque, ", ".join(redact)


def _tools(config: Any) -> Iterator[tuple[str, ...]]:
    for name, tool in config["tools"].items():
        if "mcp" in tool:
            what = f"MCP {tool['mcp']['tool']} of {tool['mcp']['server']}"
        elif "a2a" in tool:
            what = f"A2A {', '.join(tool['a2a']['methods'])} of {tool['a2a']['destination']}"
        elif "graphql" in tool:
            fields = ", ".join(tool["graphql"]["fields"])
            what = f"GraphQL {fields} of {tool['graphql']['destination']}"
        else:
            methods = ",".join(tool["http"]["methods"]) or "any method"
            what = f"{methods} {tool['http']['path']} of {tool['http']['destination']}"
        checks = [check for check in tool["checks"] if check["argument"]]
        yield (
            name,
            what,
            "\n".join(f"{c['id'].partition('/')[2]}: {json.dumps(c['bound'])}" for c in checks),
        )


def _rules(config: Any) -> Iterator[tuple[str, ...]]:
    members: dict[str, set[str]] = {}
    for agent, sets in config["sets"].items():
        for name in sets:
            members.setdefault(name, set()).add(agent)
    said: dict[tuple[str, int, str, bool], tuple[set[str], set[str]]] = {}
    for layer, tables in config["layers"].items():
        for kind in ("restrict", "permit", "shadow_restrict", "shadow_permit"):
            for destination, tools in tables[kind].items():
                for tool, agents in tools.items():
                    for agent, entries in agents.items():
                        for _, order, rule, _ in entries:
                            key = (layer, order, rule, kind.startswith("shadow"))
                            who, what = said.setdefault(key, (set(), set()))
                            who |= members.get(agent, {agent})
                            what.add(destination if tool == "*" else tool)
    for (_, _, rule, observed), (who, what) in sorted(said.items()):
        effect = config["rules"][rule]["effect"] + (" (observed)" if observed else "")
        names = ", ".join(sorted(name.removeprefix("agent:") for name in who))
        yield rule, effect, names, "\n".join(sorted(what)), config["sources"].get(rule, "")


def _budgets(config: Any) -> Iterator[tuple[str, ...]]:
    for name, item in config["budgets"].items():
        limit = f"{item['limit']:g} {item['unit']} in {item['window_seconds']} s"
        yield name, limit, item["scope"], item["on_exceed"]


def _redactions(config: Any) -> Iterator[tuple[str, ...]]:
    for name, redaction in config["redaction"].items():
        for entity, operator in redaction["entities"].items():
            yield name, entity, operator["operator"], config["sources"].get(name, "")
        if redaction["profile"]:
            yield name, f"profile {redaction['profile']}", "", config["sources"].get(name, "")


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    shown = table(*heads)
    for row in rows:
        shown.add_row(*map(escape, row))
    if shown.row_count:
        out().print()
        out().print(shown)
