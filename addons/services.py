"""What the steps need beside the exchange: policy, log, agents, redaction, spans, names."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.options import CONF_DIR

from addons import home as home_folder
from addons import mitm_patches, options
from addons.evaluator import Evaluator
from addons.policy_watch import PolicyWatch
from addons.redactor import RedactionFailed, Redactor
from addons.resolver import Resolver
from addons.spans import Spans
from ledger import (
    AgentStore,
    GroupCommit,
    Home,
    LedgerError,
    SqliteAgents,
    SqliteLog,
    ensure_default_agent,
    load_or_create_signer,
)
from rules import EvaluationError, PolicyError, PolicySet, load_bundle

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 3.0
"""How long the last spans may take to leave."""


class Services:
    """Opens what the steps need when the options are known, and closes it at the end."""

    name = "aegis"

    settings: options.Settings
    home: Home
    policy: PolicySet
    log: GroupCommit
    agents: AgentStore
    redactor: Redactor
    spans: Spans
    resolver: Resolver
    evaluator: Evaluator
    environment: Mapping[str, str]
    """Labels of the place where the firewall runs."""
    candidate: PolicySet | None = None
    """A policy that is asked beside the one in force and decides nothing."""

    def __init__(self) -> None:
        self._open = False
        self._problem = ""
        self.ready = False
        self._watch: PolicyWatch | None = None

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        options.declare(loader)

    def configure(self, updated: Iterable[str]) -> None:
        """Check the options and open everything; a mistake stops the start with one line."""
        changed = set(updated)
        if self._open:
            if any(name.startswith("aegis_") for name in changed):
                raise exceptions.OptionsError(
                    "The firewall's options are read at the start; restart it to change them."
                )
            options.check(ctx.options)
            return
        scripted = ctx.master.addons.get("scriptloader") is not None
        # mitmproxy configures once more while it rolls back; the first problem is the one.
        if not self._problem:
            try:
                self._open_all(options.check(ctx.options))
            except (PolicyError, LedgerError, exceptions.OptionsError) as error:
                self._problem = str(error)
            except OSError as error:
                self._problem = f"{error.filename or 'the firewall'}: {error.strerror or error}"
            if self._problem and scripted:
                # In mitmdump an exception in a script is shown with its traceback. A plain error
                # stops the start as well; until then the steps find nothing open and refuse all.
                logger.error("%s", self._problem)
        if self._problem and not scripted:
            raise exceptions.OptionsError(self._problem)

    def _open_all(self, settings: options.Settings) -> None:
        policy = PolicySet(load_bundle(settings.policy), environment=settings.labels)
        home = home_folder.prepare(settings.home)
        self.settings, self.home, self.policy = settings, home, policy
        self.agents = SqliteAgents(home.agents)
        ensure_default_agent(self.agents, home.default_token)
        self._ledger = SqliteLog(home.log, load_or_create_signer(home.log_key))
        self.log = GroupCommit(self._ledger)
        self.redactor = Redactor(
            key=home_folder.secret(home),
            workers=settings.redaction_workers,
            timeout=settings.redaction_timeout,
        )
        self.environment = settings.labels
        self.spans = Spans(settings.otlp_endpoint)
        self.resolver = Resolver(settings.hosts_file)
        self.evaluator = Evaluator()
        self._open = True
        _harden(ctx.options)
        if ctx.options.confdir == CONF_DIR:
            # Else mitmdump would sign with a CA that is not in our bundle.
            ctx.options.update(confdir=str(home.ca))
        mitm_patches.apply(max_body=lambda: self.policy.limits.max_body_bytes)

    async def running(self) -> None:
        """Start what runs beside the exchanges."""
        if not self._open:
            return
        try:
            await self._start()
        except (EvaluationError, LedgerError, RedactionFailed, OSError, TimeoutError) as error:
            # An error in the log at this time is what makes mitmproxy end.
            logger.error("The firewall does not start: %s", str(error) or type(error).__name__)
            ctx.master.shutdown()
            return
        self._watch = PolicyWatch(
            self.settings.policy, self.policy, self.adopt, self.log, self.redactor
        )
        self._watch.start()
        self.ready = True
        logger.info(
            "Aegis decides by policy '%s', revision %s, mode %s.",
            self.policy.name,
            self.policy.revision,
            self.policy.mode,
        )

    async def _start(self) -> None:
        self.log.start()
        await self.log.append(
            {
                "kind": "start",
                "time": home_folder.timestamp(),
                "revision": self.policy.revision,
                "policy": self.policy.name,
                "mode": self.policy.mode,
            }
        )
        await self.redactor.start(self.policy.all_redactions)
        await self.evaluator.start(self.policy)

    async def done(self) -> None:
        """Stop everything; what was accepted for the log is in it afterwards.

        A coroutine also because mitmdump then refuses to unload the script while it runs, which
        would leave a proxy without a firewall.
        """
        if not self._open:
            return
        self._open = False
        if self._watch is not None:
            await self._watch.stop()
        await self.redactor.close()
        await self.evaluator.keep()
        try:
            await self.log.append({"kind": "stop", "time": home_folder.timestamp()})
        except LedgerError as error:
            logger.error("%s", error)
        await self.log.close()
        self._ledger.close()
        self.agents.close()
        # A collector that does not answer must not hold the end up.
        closing = threading.Thread(target=self.spans.close, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)

    def adopt(self, policy: PolicySet) -> None:
        """Take a new policy from the next request on."""
        self.policy = policy


def _harden(opts: Any) -> None:
    """Set mitmproxy's own options to what the firewall relies on."""
    wanted: dict[str, Any] = {
        "connection_strategy": "lazy",
        "rawtcp": False,
        "http3": False,
        "store_streamed_bodies": False,
        "validate_inbound_headers": True,
        "stream_large_bodies": None,
        # mitmdump prints URLs, which may hold personal data.
        "flow_detail": 0,
        "onboarding": False,
        "upstream_cert": False,
    }
    known = {name: value for name, value in wanted.items() if name in opts}
    opts.update(**known)
    if opts.ssl_verify_upstream_trusted_ca is None:
        roots = home_folder.system_roots()
        if roots is not None:
            opts.update(ssl_verify_upstream_trusted_ca=str(roots))
