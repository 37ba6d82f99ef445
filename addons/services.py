"""What the steps need beside the exchange: policy, log, agents, redaction, spans, names."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.options import CONF_DIR

from addons import home as home_folder
from addons import mitm_patches, options
from addons import watch as connection_watch
from addons.evaluator import Evaluator
from addons.jail_names import JailNames
from addons.policy_place import open_source
from addons.policy_source import CandidateSource, PolicySource, SourceError
from addons.policy_watch import CandidateWatch, PolicyWatch
from addons.private_memory import keep_private
from addons.redactor import RedactionFailed, Redactor
from addons.resolver import Resolver
from addons.spans import Spans
from addons.tool_watch import ToolWatch
from addons.upstream_proxy import UpstreamProxy
from addons.upstream_trust import TrustError, UpstreamTrust
from addons.vault_purge import VaultPurge
from ledger import (
    AgentStore,
    GroupCommit,
    Home,
    LedgerError,
    SqliteAgents,
    SqliteLog,
    SqliteToolPins,
    SqliteVault,
    Vault,
    ensure_default_agent,
    load_or_create_signer,
)
from redaction import RuleSet
from redaction.profile import rule_errors
from rules import Bundle, EvaluationError, PolicyError, PolicySet, refused

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 3.0
"""How long the last spans may take to leave."""


class Services:
    """Opens what the steps need when the options are known, and closes it at the end."""

    name = "aegis"

    settings: options.Settings
    home: Home
    policy: PolicySet
    candidate: PolicySet | None = None
    """The policy in the shadow, which decides nothing."""
    log: GroupCommit
    agents: AgentStore
    tool_watch: ToolWatch
    secret: bytes
    """The installation's own, from which keys of pseudonyms and digests are derived."""
    vault: Vault
    """What surrogates stand for."""
    redactor: Redactor
    spans: Spans
    resolver: Resolver
    upstream_proxy: UpstreamProxy | None
    """The proxy of the operator's network, where there is one."""
    trust: UpstreamTrust
    evaluator: Evaluator
    watch: connection_watch.Watch | None = None
    environment: Mapping[str, str]
    """Labels of the place where the firewall runs."""

    def __init__(self) -> None:
        self._open = False
        self._problem = ""
        self.ready = False
        self._watches: list[PolicyWatch | CandidateWatch] = []
        self.jail_names = JailNames()
        self.before_end: list[Callable[[], Awaitable[None]]] = []
        """What others still have to write into the log."""

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
            except (PolicyError, SourceError, LedgerError, exceptions.OptionsError) as error:
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
        keep_private()
        home = home_folder.prepare(settings.home)
        self._source: PolicySource = open_source(settings.place, home)
        self.settings, self.home = settings, home
        self.environment = settings.labels
        self.resolver = Resolver(settings.hosts_file)
        place = options.upstream_proxy(settings, home)
        self.upstream_proxy = UpstreamProxy(place, self.resolver) if place is not None else None
        self.trust = UpstreamTrust(home)
        self.policy = self._build(self._source.load())
        self._candidates = CandidateSource(home.policies)
        self.agents = SqliteAgents(home.agents)
        ensure_default_agent(self.agents, home.default_token)
        self.tool_watch = ToolWatch(SqliteToolPins(home.tool_pins))
        self._ledger = SqliteLog(home.log, load_or_create_signer(home.log_key))
        self.log = GroupCommit(self._ledger)
        self.secret = home_folder.secret(home)
        self.vault = SqliteVault(home.vault, self.secret)
        self._vault_purge = VaultPurge(self.vault)
        self.redactor = Redactor(
            workers=settings.redaction_workers,
            timeout=settings.redaction_timeout,
            models=settings.redaction_models,
        )
        self.spans = Spans(settings.otlp_endpoint)
        self.evaluator = _evaluator(settings.opa_url)
        self._open = True
        _harden(ctx.options)
        if ctx.options.confdir == CONF_DIR:
            # Else mitmdump would sign with a CA that is not in our bundle.
            ctx.options.update(confdir=str(home.ca))
        if mitm_patches.fitting():
            self.watch = connection_watch.install(settings.bounds)
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
        self._watches = [
            CandidateWatch(
                self._candidates, self.adopt_candidate, self.log, self.prepare, self._build
            ),
        ]
        place = self.settings.place
        if self.settings.jail is None or not place.policy or place.is_url:
            # Else it is a file that those in the jail may be able to write.
            self._watches.append(
                PolicyWatch(
                    self._source, self.policy, self.adopt, self.log, self.prepare, self._build
                )
            )
        for watch in self._watches:
            watch.start()
        self._vault_purge.start()
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
        await self.evaluator.check()
        await self.prepare(self.policy)
        await self._source.accepted()

    async def done(self) -> None:
        """Stop everything; what was accepted for the log is in it afterwards.

        A coroutine also because mitmdump then refuses to unload the script while it runs, which
        would leave a proxy without a firewall.
        """
        if not self._open:
            return
        self._open = False
        for watch in self._watches:
            await watch.stop()
        await self._vault_purge.stop()
        await self._source.close()
        await self._candidates.close()
        await self.redactor.close()
        await self.evaluator.close()
        for write in self.before_end:
            await write()
        try:
            await self.log.append({"kind": "stop", "time": home_folder.timestamp()})
        except LedgerError as error:
            logger.error("%s", error)
        await self.log.close()
        self._ledger.close()
        self.agents.close()
        self.vault.close()
        await self.tool_watch.close()
        # A collector that does not answer must not hold the end up.
        closing = threading.Thread(target=self.spans.close, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)

    async def prepare(self, policy: PolicySet) -> None:
        """Start what a policy needs before it can decide; what it does not need any more ends."""
        await self.redactor.start(
            RuleSet.of(policy.all_redactions, policy.recognizers) if policy.all_redactions else None
        )
        await self.evaluator.start(policy)

    def _build(self, bundle: Bundle) -> PolicySet:
        policy = PolicySet(bundle, environment=self.environment)
        wrong = rule_errors(policy.all_redactions, policy.recognizers)
        if wrong:
            raise PolicyError(
                [
                    policy.problem(error.section, error.item, error.path, error.message, error.mend)
                    for error in wrong
                ]
            )
        for name, wanted in policy.destinations.items():
            try:
                self.trust.roots(wanted)
                self.trust.certificate(wanted)
            except TrustError as error:
                raise refused(policy.name, f"the destination '{name}': {error}", "") from None
            if wanted.via == "proxy" and self.upstream_proxy is None:
                raise refused(
                    policy.name,
                    f"the destination '{name}' says `via: proxy`, and this firewall has no "
                    "upstream proxy",
                    "Name one with aegis_upstream_proxy, or leave `via` out.",
                )
        return policy

    def adopt(self, policy: PolicySet) -> None:
        """Take a new policy from the next request on."""
        self.policy = policy

    def adopt_candidate(self, candidate: PolicySet | None) -> None:
        """Take the policy that runs in the shadow, None for none."""
        self.candidate = candidate


def _evaluator(opa_url: str) -> Evaluator:
    if not opa_url:
        return Evaluator()
    # Its HTTP client takes a tenth of a second to load, for the few who have such a server.
    from addons.opa_engine import OpaServerEngine

    return Evaluator(OpaServerEngine(opa_url))


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
        # gRPC servers hang up on who asks after them more often than every five minutes.
        "http2_ping_keepalive": 310,
    }
    known = {name: value for name, value in wanted.items() if name in opts}
    opts.update(**known)
    if opts.ssl_verify_upstream_trusted_ca is None:
        roots = home_folder.system_roots()
        if roots is not None:
            opts.update(ssl_verify_upstream_trusted_ca=str(roots))
