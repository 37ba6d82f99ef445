"""The firewall as a process: options in, workers started and watched, clean end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Names alone; another process cannot read them from this one.
_ENVIRONMENT = sorted(os.environ)

# mitmproxy reads these when it is imported and would write the keys of all sessions there.
for _leak in ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"):
    os.environ.pop(_leak, None)

from mitmproxy import exceptions, options  # noqa: E402

from addons import jail, mitm_patches  # noqa: E402
from addons.home import prepare  # noqa: E402
from addons.master import FirewallMaster  # noqa: E402
from addons.policy_place import Place, open_source  # noqa: E402
from addons.policy_source import SourceError  # noqa: E402
from addons.private_memory import keep_private  # noqa: E402
from addons.worker_pool import safe_environment  # noqa: E402
from ledger import Home, LedgerError, default_home  # noqa: E402
from rules import PolicyError, PolicySet  # noqa: E402

BAD_INPUT = 2
WORKER = "AEGIS_WORKER"
"""Environment of a worker that shares its port: two descriptors, `READY,ALIVE`.

On the first it says that it listens; the second ends when its supervisor does.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the firewall until it is told to stop; gives the exit code."""
    arguments = _arguments(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("addons").setLevel(logging.INFO)
    keep_private()
    sharing = WORKER in os.environ
    if not sharing:
        places = [(arguments.host, arguments.port), *arguments.transparent]
        problem = next(filter(None, (_port_taken(*place) for place in places)), "")
        if problem:
            print(f"aegis: {problem}", file=sys.stderr)
            return BAD_INPUT
    if arguments.workers > 1:
        return _supervise(arguments)
    return _run(arguments, sharing)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m addons", description="The Aegis firewall.")
    parser.add_argument(
        "--policy",
        default="",
        help="policy file, folder, OPA bundle, or URL of one (what was applied, else the default)",
    )
    parser.add_argument("--bundle-key", default="", help="key that signs a server's bundles")
    parser.add_argument("--bundle-ca", default="", help="PEM file of roots to trust the server by")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on")
    parser.add_argument(
        "--transparent",
        type=_listen_at,
        action="append",
        default=[],
        metavar="[HOST:]PORT",
        help="listen there too, for connections that are redirected to the firewall",
    )
    parser.add_argument("--workers", type=_count, default=1, help="processes that share the port")
    parser.add_argument(
        "--home", default=str(default_home()), help="folder of keys, log and agents"
    )
    parser.add_argument("--otlp-endpoint", default="", help="base URL of an OTLP/HTTP collector")
    parser.add_argument("--hosts-file", default="", help="names that come before DNS, hosts(5)")
    parser.add_argument(
        "--upstream-proxy", default="", help="URL of the proxy that calls go through"
    )
    parser.add_argument("--upstream-ca", default="", help="PEM file of roots to trust upstream")
    parser.add_argument(
        "--set", action="append", default=[], metavar="OPTION=VALUE", help="any other option"
    )
    return parser.parse_args(argv)


def _listen_at(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError("give [HOST:]PORT, such as 8081 or [::1]:8081")
    return host.strip("[]"), int(port)


def _modes(transparent: Sequence[tuple[str, int]]) -> list[str]:
    """Give mitmproxy's modes: the regular one, and one for each address to be redirected to."""
    modes = ["regular"]
    for host, port in transparent:
        # A redirected connection arrives on the loopback address of its own version.
        hosts = [host] if host else ["127.0.0.1", *(["::1"] if _has_ipv6() else [])]
        modes += [f"transparent@{name}:{port}" for name in hosts]
    return modes


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("give a number from 1 to 64")
    return number


def _run(arguments: argparse.Namespace, sharing: bool) -> int:
    try:
        with asyncio.Runner(loop_factory=_SharingLoop if sharing else None) as runner:
            return runner.run(_serve(arguments, sharing))
    except KeyboardInterrupt:
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1


async def _serve(arguments: argparse.Namespace, sharing: bool) -> int:
    home = Home(Path(arguments.home).expanduser())
    opts = options.Options()
    wanted: dict[str, Any] = {
        "listen_host": arguments.host,
        "listen_port": arguments.port,
        "aegis_policy": arguments.policy,
        "aegis_home": str(home.folder),
    }
    if jail.VARIABLE in os.environ:
        # Nobody but the jail is served, and no child of ours gets to know of it.
        wanted |= {"mode": ["jail"], "aegis_jail": os.environ.pop(jail.VARIABLE)}
    elif arguments.transparent:
        wanted["mode"] = _modes(arguments.transparent)
    for name in ("bundle_key", "bundle_ca"):
        if given := getattr(arguments, name):
            wanted[f"aegis_{name}"] = given
    if arguments.otlp_endpoint:
        wanted["aegis_otlp_endpoint"] = arguments.otlp_endpoint
    if arguments.hosts_file:
        wanted["aegis_hosts_file"] = arguments.hosts_file
    if arguments.upstream_proxy:
        wanted["aegis_upstream_proxy"] = arguments.upstream_proxy
    if arguments.upstream_ca:
        if not Path(arguments.upstream_ca).is_file():
            print(f"aegis: --upstream-ca: no file {arguments.upstream_ca}.", file=sys.stderr)
            return BAD_INPUT
        wanted["ssl_verify_upstream_trusted_ca"] = arguments.upstream_ca
    try:
        mitm_patches.speed_up()
        opts.set(*arguments.set, defer=True)
        master = FirewallMaster(opts)
        if opts.deferred:
            print(f"aegis: --set: no option '{min(opts.deferred)}'.", file=sys.stderr)
            return BAD_INPUT
        # Last, so that the firewall opens with all options known.
        opts.update(**wanted)
    except exceptions.OptionsError as error:
        print(f"aegis: {error}", file=sys.stderr)
        return BAD_INPUT
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, master.shutdown)
    if sharing:
        loop.add_reader(_pipes()[1], master.shutdown)
    else:
        home.running.unlink(missing_ok=True)
    announced = asyncio.create_task(_announce(master, home, arguments, sharing))
    try:
        await master.run()
    finally:
        announced.cancel()
        if not sharing:
            home.running.unlink(missing_ok=True)
    return 0


def _pipes() -> tuple[int, int]:
    ready, _, alive = os.environ[WORKER].partition(",")
    return int(ready), int(alive)


async def _announce(
    master: FirewallMaster, home: Home, arguments: argparse.Namespace, sharing: bool
) -> None:
    """Say that the firewall listens, once it does: to the supervisor, or in the home folder."""
    proxy = master.addons.get("proxyserver")
    services = master.addons.get("aegis")
    while not (
        services.ready
        and len(proxy.servers) == len(master.options.mode)
        and all(server.is_running for server in proxy.servers)
    ):
        await asyncio.sleep(0.02)
    if sharing:
        os.write(_pipes()[0], b".")
    else:
        regular = next(one for one in proxy.servers if one.mode.type_name == "regular")
        _write_running(home, arguments, regular.listen_addrs[0][1])


def _write_running(home: Home, arguments: argparse.Namespace, port: int) -> None:
    """Write the address of the running firewall into its home folder."""
    draft = home.running.with_name(f".{home.running.name}.{os.getpid()}")
    running = {
        "host": arguments.host,
        "port": port,
        "pid": os.getpid(),
        "policy": Place(arguments.policy).name,
        "environment": _ENVIRONMENT,
    }
    draft.write_text(json.dumps(running), "utf-8")
    draft.replace(home.running)


def _port_taken(host: str, port: int) -> str:
    """Say in words why the port cannot be had, or nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError:
            return f"--port {port}: give a port from 0 to 65535."
        except OSError as error:
            return f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
    return ""


class _SharingLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers share their port with those of other processes."""

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["reuse_port"] = True
        return await super().create_server(*args, **kwargs)


def _supervise(arguments: argparse.Namespace) -> int:
    """Run several workers on one port; when one ends, all end."""
    try:
        home = prepare(Path(arguments.home).expanduser())
        key, ca = (
            Path(name).expanduser() if name else None
            for name in (arguments.bundle_key, arguments.bundle_ca)
        )
        # Once here, lest all workers say the same of a wrong policy.
        source = open_source(Place(arguments.policy, key, ca), home)
        PolicySet(source.load())
        asyncio.run(source.close())
    except (PolicyError, SourceError, LedgerError) as error:
        print(f"aegis: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        print(
            f"aegis: {error.filename or arguments.home}: {error.strerror or error}", file=sys.stderr
        )
        return BAD_INPUT
    # Holds the port between the workers' own sockets; it never listens, so it gets no connection.
    with socket.socket(socket.AF_INET6 if ":" in arguments.host else socket.AF_INET) as hold:
        # Connections of a firewall that was killed do not keep its port.
        hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Bound before it may be shared, so that port 0 gives one that nobody shares already.
        hold.bind((arguments.host, arguments.port))
        hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port = hold.getsockname()[1]
        ready, told = os.pipe()
        ended, alive = os.pipe()
        command = [sys.executable, "-m", "addons", *_worker_arguments(arguments, port)]
        environment = {**safe_environment(), WORKER: f"{told},{ended}"}
        home.running.unlink(missing_ok=True)
        workers = [
            subprocess.Popen(command, env=environment, pass_fds=(told, ended))
            for _ in range(arguments.workers)
        ]
        os.close(told)
        os.close(ended)
        try:
            return _watch(workers, ready, lambda: _write_running(home, arguments, port))
        finally:
            home.running.unlink(missing_ok=True)
            os.close(ready)
            os.close(alive)


def _watch(
    workers: list[subprocess.Popen[bytes]], ready: int, all_ready: Callable[[], None]
) -> int:
    """Wait for the workers to be ready and then to end; the first to end takes all with it."""
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    waiting = len(workers)
    while not asked and all(worker.poll() is None for worker in workers):
        if waiting and select.select([ready], [], [], 0.2)[0]:
            waiting -= len(os.read(ready, waiting))
            if not waiting:
                all_ready()
        elif not waiting:
            time.sleep(0.2)
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            worker.send_signal(signal.SIGTERM)
    codes = [worker.wait() for worker in workers]
    if asked:
        return 0
    print("aegis: a worker ended by itself, so all were stopped.", file=sys.stderr)
    return next((code for code in codes if code > 0), 1)


def _worker_arguments(arguments: argparse.Namespace, port: int) -> list[str]:
    given = {
        "--policy": arguments.policy,
        "--bundle-key": arguments.bundle_key,
        "--bundle-ca": arguments.bundle_ca,
        "--host": arguments.host,
        "--port": str(port),
        "--home": arguments.home,
        "--otlp-endpoint": arguments.otlp_endpoint,
        "--hosts-file": arguments.hosts_file,
        "--upstream-ca": arguments.upstream_ca,
        "--upstream-proxy": arguments.upstream_proxy,
    }
    pairs = [item for name, value in given.items() if value for item in (name, value)]
    pairs += [f"--transparent=[{host}]:{port}" for host, port in arguments.transparent]
    return pairs + [item for value in arguments.set for item in ("--set", value)]
