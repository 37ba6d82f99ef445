"""The network of a jail: only itself, with sockets that lead to the firewall."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess

from control.jail_calls import UnableError, check, prctl, set_capabilities

_CAP_AMBIENT, _CAP_NET_ADMIN = 47, 12

GATE_PORT, DNS_PORT = 1023, 53
"""Below 1024, where the command, which has no rights, cannot listen itself."""

RULES = f"""
table inet aegis {{
    chain nat_out {{
        type nat hook output priority -100; policy accept;
        udp dport {DNS_PORT} redirect to :{DNS_PORT}
        tcp dport {DNS_PORT} redirect to :{DNS_PORT}
        ip daddr 127.0.0.0/8 return
        ip6 daddr ::1 return
        meta l4proto tcp redirect to :{GATE_PORT}
    }}
}}
"""
"""All TCP goes to the firewall, all DNS to its answers.

The rest, such as QUIC, finds nobody on this machine, which every address is, and so fails at once.
"""


def make_network(nft: str) -> list[socket.socket]:
    """Make a network where every address is this machine, and give the sockets that answer.

    They are, for IPv4 and where there is IPv6 for that: the gate, DNS over UDP, DNS over TCP.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
    sockets = _sockets(socket.AF_INET, "127.0.0.1")
    _route_to_self(socket.AF_INET, socket.inet_pton(socket.AF_INET, "127.0.0.1"))
    try:
        six = _sockets(socket.AF_INET6, "::1")
    except OSError:
        six = []  # there is no IPv6 here, so there is no way out by it
    if six:
        _route_to_self(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, "::1"))
    _load_rules(nft)
    return sockets + six


def _sockets(family: int, address: str) -> list[socket.socket]:
    made = []
    for kind, port in (
        (socket.SOCK_STREAM, GATE_PORT),
        (socket.SOCK_DGRAM, DNS_PORT),
        (socket.SOCK_STREAM, DNS_PORT),
    ):
        opened = socket.socket(family, kind)
        made.append(opened)
        opened.bind((address, port))
        if kind == socket.SOCK_STREAM:
            opened.listen(128)
    return made


def _route_to_self(family: int, source: bytes) -> None:
    """Add `ip route add local default dev lo src SOURCE`: all addresses are this machine's."""
    loopback = 1
    attributes = struct.pack("=HHI", 8, 4, loopback)  # RTA_OIF
    attributes += struct.pack("=HH", 4 + len(source), 7) + source  # RTA_PREFSRC
    # rtm: family, no prefixes, no tos, table local, protocol static, scope host, type local.
    route = struct.pack("=8BI", family, 0, 0, 0, 255, 4, 254, 2, 0)
    body = route + attributes
    # RTM_NEWROUTE; NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE.
    message = struct.pack("=IHHII", 16 + len(body), 24, 0x1 | 0x4 | 0x400, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(message)
        answer = netlink.recv(4096)
    (error,) = struct.unpack_from("=i", answer, 16)
    if error:
        raise OSError(-error, os.strerror(-error), "route")


def _load_rules(nft: str) -> None:
    def allow_to_child() -> None:
        # A program that is run as somebody else than root keeps rights only as ambient ones.
        set_capabilities(1 << _CAP_NET_ADMIN, keep=True)
        check(prctl(_CAP_AMBIENT, 2, _CAP_NET_ADMIN), "ambient")

    done = subprocess.run(
        [nft, "-f", "-"],
        input=RULES,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        preexec_fn=allow_to_child,
        check=False,
    )
    if done.returncode:
        line = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[0]
        raise UnableError(
            f"nft does not load the rules of its network ({line}); the kernel needs nf_tables "
            "with NAT (modules nft_chain_nat and nft_redir)"
        )
