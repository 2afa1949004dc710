# SPDX-License-Identifier: EUPL-1.2
"""The formats of ``verbund crypto``, in the programs they are for: each takes the text, and then does as it says.

The programs are Debian's, in a small Debian system that is built once and kept in the lab's cache. They run on a copy
of it that lives in memory, in a network of their own. A client offers each method of the profile alone, and it has to
be the one in use; then everything else the client knows, together, and that has to be refused, although a server
without a profile takes the same offer.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from verbund.baseline import crypto
from verbund.baseline.crypto_formats import render
from verbund.lab import mirror
from verbund.lab.tools import cache_directory, require, search_path

pytestmark = pytest.mark.lab

ROLES = Path(__file__).parents[2] / "roles"
SUITE = "trixie"
PACKAGES = (
    "apache2", "charon-systemd", "gnutls-bin", "iproute2", "libcharon-extra-plugins", "libstrongswan-extra-plugins",
    "libstrongswan-standard-plugins", "nginx", "openssh-server", "openssl", "rsyslog-gnutls", "rsyslog-openssl",
    "strongswan-swanctl",
)  # fmt: skip
BUILD = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
# The first process of the room; all others die with it. The system below is never written to.
ROOM = """\
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mkdir "$1/root/verbund"
mount --bind "$3" "$1/root/verbund"
ip link set lo up
echo ready
exec cat
"""
PROFILES = [
    pytest.param(edition, profile, id=f"{edition}-{profile}")
    for edition in crypto.editions(ROLES)
    for profile in crypto.read(ROLES, edition)[0].profiles
]


@pytest.fixture(scope="session")
def debian() -> Path:
    """The system with the programs: built when there is none for these packages, as the lab's own images are."""
    if os.geteuid() != 0:
        pytest.skip("a system of its own needs root")
    require(["mmdebstrap", "setpriv", "unshare", "nsenter"])
    sources = mirror.discover().sources(SUITE)
    key = hashlib.sha256(json.dumps([SUITE, PACKAGES, sources]).encode()).hexdigest()[:16]
    directory = cache_directory() / "programs"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{SUITE}-{key}"
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.is_dir():
            return path
        part = path.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        keyring = "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg"
        build = ["mmdebstrap", "--variant=minbase", "--mode=root", keyring, f"--include={','.join(PACKAGES)}"]
        done = subprocess.run(
            [*BUILD, "--", *build, SUITE, str(part), *sources],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": search_path()},
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        part.rename(path)
    return path


class Room:
    """A network and a copy of the system of its own.

    Args:
        root: the system.
        directory: an empty directory, in the room ``/verbund``.
        place: an empty directory to mount on.
    """

    def __init__(self, root: Path, directory: Path, place: Path) -> None:
        self.directory, self._root = directory, place / "root"
        self.numbers, self._next = itertools.count(), 7000
        namespaces = ["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        self._first = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, "--"),
                *("sh", "-euc", ROOM, "room", str(place), str(root), str(directory)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._first.stdout
        assert self._first.stdout.readline() == b"ready\n"

    def leave(self) -> None:
        """End everything in it."""
        self._first.communicate()

    def command(self, *words: str, **variables: str) -> list[str]:
        """The command line that runs a program in it; nothing is configured but by ``variables``."""
        enter = f"/proc/{self._first.pid}/ns"
        return [
            *("nsenter", f"--net={enter}/net", f"--mount={enter}/mnt", f"--pid={enter}/pid_for_children", "--"),
            *("chroot", str(self._root), "env", "-i", "PATH=/usr/sbin:/usr/bin"),
            *(f"{name}={value}" for name, value in variables.items()),
            *words,
        ]

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            self.command(*words, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )

    def write(self, name: str, text: str) -> str:
        """Write a file; returns its path in the room."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return f"/verbund/{name}"

    def start(self, *words: str, ports: tuple[int, ...] = (), **variables: str) -> Path:
        """Start a server that stays in the foreground; returns where its output goes, when it listens on the ports."""
        log = self.directory / f"{next(self.numbers)}.log"
        with log.open("wb") as sink:
            server = subprocess.Popen(
                self.command(*words, **variables), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
            )

        def listens() -> bool:
            assert server.poll() is None, log.read_text(errors="replace")
            said = self.run("ss", "-Hltn").stdout
            return {str(port) for port in ports} <= {line.split()[3].rpartition(":")[2] for line in said.splitlines()}

        if ports:
            until(listens, lambda: f"nobody listens on {ports}: {log.read_text(errors='replace')}")
        return log

    def free(self, count: int) -> int:
        """The first of some ports that nobody else gets."""
        first = self._next
        self._next += count
        return first


def at_once(function: Callable[[Any], Any], items: Iterable[Any]) -> dict[Any, Any]:
    """What a function says of each, some at the same time."""
    every = list(items)
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(every, pool.map(function, every), strict=True))


def until(good: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 20
    while not good():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def room(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    room = Room(debian, tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("room"))
    room.directory.chmod(0o755)
    try:
        made = room.run("sh", "-euc", CERTIFICATES)
        assert made.returncode == 0, made.stderr
        yield room
    finally:
        room.leave()


def profile_of(edition: str, profile: str) -> crypto.Profile:
    return crypto.chosen(ROLES, edition, profile)


def text_of(kind: str, edition: str, profile: str) -> str:
    return render(kind, crypto.read(ROLES, edition)[0], profile)


# -- TLS ---------------------------------------------------------------------------------------------------------------

KEYS = ("p384", "p256", "rsa")
"""Kinds of keys; a server has one port for each, since some programs have one certificate only."""

CERTIFICATES = """\
cd /verbund
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
for kind in 'p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384' \
    'p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256' \
    'rsa -algorithm RSA -pkeyopt rsa_keygen_bits:3072'; do
    set -- $kind
    name=$1
    shift
    openssl genpkey "$@" -out "$name.key"
    openssl req -x509 -key "$name.key" -CA ca.pem -CAkey ca.key -out "$name.pem" -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE
done
"""


@dataclass(frozen=True)
class Offer:
    """What a client offers, each as a list of OpenSSL; everything OpenSSL has, where nothing is said."""

    version: str
    key: str = "p384"
    suites: str = ""
    groups: str = ""
    signatures: str = ""


@dataclass(frozen=True)
class Taken:
    """What a server made of an offer."""

    version: str
    suite: str
    group: str
    signature: str


@dataclass
class Client:
    """The client, and everything that OpenSSL has."""

    room: Room
    everything: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def listed(*words: str) -> list[str]:
            done = self.room.run("openssl", *words, OPENSSL_CONF="/dev/null")
            assert done.returncode == 0, done.stderr
            return done.stdout.strip().split(":")

        self.everything = {
            "TLSv1.3": ALL_1_3.split(":"),
            "TLSv1.2": listed("ciphers", "-s", "-tls1_2", f"{ALL_1_2}:@SECLEVEL=0"),
            "groups": listed("list", "-tls-groups"),
            "signatures": listed("list", "-tls-signature-algorithms"),
        }

    def others(self, what: str, *own: str) -> str:
        """Everything of a kind without some."""
        left = [name for name in self.everything[what] if name not in own]
        assert len(left) + len(own) == len(self.everything[what]), (own, self.everything[what])
        return ":".join(left)

    def options(self, offer: Offer) -> list[str]:
        """An offer in the options of s_client, which are those of s_server, too."""
        version = offer.version.lower().replace("v", "").replace(".", "_")
        older, newer = (ALL_1_2, offer.suites or ALL_1_3) if version == "tls1_3" else (offer.suites or ALL_1_2, ALL_1_3)
        return [
            *(f"-{version}", "-cipher", f"{older}:@SECLEVEL=0", "-ciphersuites", newer),
            *("-groups", offer.groups or ":".join(self.everything["groups"])),
            *("-sigalgs", offer.signatures or ":".join(self.everything["signatures"])),
        ]

    def offer(self, offer: Offer, port: int) -> Taken | None:
        """Make an offer; None if it was refused."""
        return self.connect(port, *self.options(offer))

    def connect(self, port: int, *options: str, conf: str = "/dev/null") -> Taken | None:
        """Connect with a configuration; None if that was refused."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-brief", *options]
        return taken(self.room.run(*command, OPENSSL_CONF=conf).stderr)


def taken(said: str) -> Taken | None:
    """What ``openssl s_client -brief`` says was agreed on."""
    if "CONNECTION ESTABLISHED" not in said:
        return None
    lines = dict(line.partition(": ")[::2] for line in said.splitlines())
    group = lines.get("Negotiated TLS1.3 group", lines.get("Peer Temp Key", ""))
    return Taken(lines["Protocol version"], lines["Ciphersuite"], group, lines.get("Signature type", ""))


ALL_1_2 = "ALL"
ALL_1_3 = ":".join(
    f"TLS_{name}"
    for name in (
        "AES_256_GCM_SHA384",
        "CHACHA20_POLY1305_SHA256",
        "AES_128_GCM_SHA256",
        "AES_128_CCM_SHA256",
        "AES_128_CCM_8_SHA256",
    )
)


def _nginx(room: Room, name: str, text: str, port: int) -> None:
    room.write(f"{name}/tls.conf", text)
    servers = "".join(
        f"server {{ listen 127.0.0.1:{port + number} ssl; ssl_certificate /verbund/{key}.pem; "
        f"ssl_certificate_key /verbund/{key}.key; return 204; }}\n"
        for number, key in enumerate(KEYS)
    )
    conf = room.write(
        f"{name}/nginx.conf", f"events {{}}\nhttp {{\naccess_log off;\ninclude /verbund/{name}/tls.conf;\n{servers}}}\n"
    )
    checked = room.run("nginx", "-t", "-c", conf)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    room.start("nginx", "-c", conf, "-g", f"daemon off; pid /verbund/{name}/pid;", ports=ports(port))


def _apache(room: Room, name: str, text: str, port: int) -> None:
    room.write(f"{name}/tls.conf", text)
    modules = "".join(f"LoadModule {module}_module modules/mod_{module}.so\n" for module in ("mpm_event", "ssl"))
    servers = "".join(
        f"Listen 127.0.0.1:{port + number}\n<VirtualHost 127.0.0.1:{port + number}>\n"
        f"SSLEngine on\nServerName localhost\n"
        f"SSLCertificateFile /verbund/{key}.pem\nSSLCertificateKeyFile /verbund/{key}.key\n</VirtualHost>\n"
        for number, key in enumerate(KEYS)
    )
    conf = room.write(
        f"{name}/apache2.conf",
        f"ServerRoot /usr/lib/apache2\nServerName localhost\nPidFile /verbund/{name}/pid\n"
        f"DefaultRuntimeDir /verbund/{name}\nErrorLog /verbund/{name}/error.log\n{modules}"
        f"Include /verbund/{name}/tls.conf\n{servers}",
    )
    checked = room.run("apache2", "-t", "-f", conf)
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr.strip() == "Syntax OK"
    room.start("apache2", "-D", "FOREGROUND", "-f", conf, ports=ports(port))


def _openssl(room: Room, name: str, text: str, port: int) -> None:
    conf = room.write(f"{name}/openssl.cnf", text)
    for number, key in enumerate(KEYS):
        # The last one waits for all of them.
        waited = ports(port) if key == KEYS[-1] else ()
        room.start(*s_server(port + number, key), "-www", "-quiet", ports=waited, OPENSSL_CONF=conf)


def s_server(port: int, key: str) -> list[str]:
    return [
        *("openssl", "s_server", "-accept", f"127.0.0.1:{port}"),
        *("-cert", f"/verbund/{key}.pem", "-key", f"/verbund/{key}.key"),
    ]


def _rsyslog(driver: str, room: Room, name: str, text: str, port: int) -> None:
    for number, key in enumerate(KEYS):
        conf = room.write(f"{name}/{key}.conf", collector(driver, text, port + number, key, "anon"))
        waited = ports(port) if key == KEYS[-1] else ()
        room.start("rsyslogd", "-n", "-f", conf, "-i", f"/verbund/{name}/{key}.pid", ports=waited)


def collector(driver: str, text: str, port: int, key: str, mode: str) -> str:
    """A log server, set as the role logging does it."""
    return f"""\
global(
  DefaultNetstreamDriverCAFile="/verbund/ca.pem"
  DefaultNetstreamDriverCertFile="/verbund/{key}.pem"
  DefaultNetstreamDriverKeyFile="/verbund/{key}.key"
)
module(
  load="imtcp"
  StreamDriver.Name="{driver}"
  StreamDriver.Mode="1"
  StreamDriver.AuthMode="{mode}"
{text})
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="/verbund/{port}.messages" template="RSYSLOG_FileFormat")
"""


def ports(first: int) -> tuple[int, ...]:
    return tuple(range(first, first + len(KEYS)))


SERVERS = {
    "nginx": _nginx,
    "apache": _apache,
    "openssl": _openssl,
    "rsyslog-ossl": partial(_rsyslog, "ossl"),
    "rsyslog-gtls": partial(_rsyslog, "gtls"),
}
"""Format -> starts what it is for, with the text, on one port for each key."""


def offers(tls: crypto.Tls) -> dict[Offer, Taken]:
    """Each method of a profile alone, in each version that has it, and what has to be in use then ("" for whatever).

    Suites with DHE are not among them: OpenSSL does not say which group is in use.
    """
    found: dict[Offer, Taken] = {}
    for suite in tls.suites_1_3:
        found[Offer("TLSv1.3", suites=suite.name)] = Taken("TLSv1.3", suite.name, "", "")
    for suite in tls.suites_1_2:
        key = "rsa" if "_RSA_" in suite.name else "p384"
        if "_DHE_" not in suite.name:
            found[Offer("TLSv1.2", key, suites=suite.openssl)] = Taken("TLSv1.2", suite.openssl, "", "")
    for version in tls.versions:
        for group in tls.groups:
            if version.name == "TLSv1.3" or not group.name.startswith("ffdhe"):
                # In TLS 1.2 the list of groups is also that of curves for certificates.
                found[Offer(version.name, "rsa", groups=group.name)] = Taken(version.name, "", GROUPS[group.name], "")
        for signature in tls.signatures:
            key = SIGNERS[signature.name]
            found[Offer(version.name, key, signatures=signature.name)] = Taken(version.name, "", "", signature.name)
    return found


def outside(client: Client, tls: crypto.Tls) -> list[Offer]:
    """Offers of all that OpenSSL has but for the methods of a profile, one kind of method at a time."""
    groups = client.others("groups", *(group.name for group in tls.groups))
    signatures = client.others("signatures", *(signature.name for signature in tls.signatures))
    suites = client.others("TLSv1.2", *(suite.openssl for suite in tls.suites_1_2))
    return [
        Offer("TLSv1"),
        Offer("TLSv1.1"),
        Offer("TLSv1.1", "rsa"),
        Offer("TLSv1.2", suites=suites),
        Offer("TLSv1.2", "rsa", suites=suites),
        Offer("TLSv1.3", suites=client.others("TLSv1.3", *(suite.name for suite in tls.suites_1_3))),
        Offer("TLSv1.2", "rsa", groups=groups, suites="ECDHE"),
        Offer("TLSv1.3", groups=groups),
        Offer("TLSv1.2", signatures=signatures),
        Offer("TLSv1.2", "rsa", signatures=signatures),
        Offer("TLSv1.3", "rsa", signatures=signatures),
        *(
            Offer(version, "rsa", groups="x25519", suites=suites)
            for version, suites in (("TLSv1.3", ""), ("TLSv1.2", "ECDHE"))
        ),
    ]


GROUPS = {
    "secp384r1": "ECDH, secp384r1, 384 bits",
    "secp256r1": "ECDH, prime256v1, 256 bits",
    "ffdhe3072": "DH, 3072 bits",
}
"""What OpenSSL says of a group that is in use."""

SIGNERS = {
    "ecdsa_secp384r1_sha384": "p384",
    "ecdsa_secp256r1_sha256": "p256",
    "rsa_pss_rsae_sha384": "rsa",
    "rsa_pss_rsae_sha256": "rsa",
}
"""Which key can make a signature."""


@pytest.fixture(scope="module")
def client(room: Room) -> Client:
    return Client(room)


def made(client: Client, tried: Iterable[Offer], port: int) -> dict[Offer, Taken | None]:
    """What a server makes of offers."""
    return at_once(lambda offer: client.offer(offer, port + KEYS.index(offer.key)), tried)


def differences(client: Client, wanted: dict[Offer, Taken], port: int) -> dict[Offer, Taken | None]:
    """Offers of which a server made something else."""
    found = {}
    for offer, got in made(client, wanted, port).items():
        want = wanted[offer]
        pairs = zip(astuple(want), astuple(got), strict=True) if got else [("taken", "")]
        if any(one and one != other for one, other in pairs):
            found[offer] = got
    return found


@pytest.mark.parametrize(("edition", "profile"), PROFILES)
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_takes_each_method_of_the_profile_and_no_other(room, client, kind, edition, profile):
    tls, port = profile_of(edition, profile).tls, room.free(len(KEYS))
    text = text_of(kind, edition, profile)
    for command in re.findall(r"^# (openssl .+)$", text, re.MULTILINE):  # what the text says is to be done before
        assert room.run("sh", "-c", command).returncode == 0
    SERVERS[kind](room, f"{kind}-{edition}-{profile}", text, port)
    wanted, refused = offers(tls), outside(client, tls)
    if kind == "rsyslog-gtls":
        # GnuTLS has no ciphers for TLS 1.3 alone; see crypto_formats.gnutls_priority.
        older = {word for suite in tls.suites_1_2 for word in suite.gnutls}
        left = {suite.name for suite in tls.suites_1_3 if not older.issuperset(suite.gnutls)}
        refused += [offer for offer in wanted if offer.suites in left]
        wanted = {offer: want for offer, want in wanted.items() if offer.suites not in left}
    assert differences(client, wanted, port) == {}
    assert {offer: got for offer, got in made(client, refused, port).items() if got} == {}
    with_dhe = [suite for suite in tls.suites_1_2 if "_DHE_" in suite.name]
    found = {suite.name: dhe(room, suite, port + KEYS.index("rsa")) for suite in with_dhe}
    group = "DHE-CUSTOM3072" if kind in WITHOUT_DH_PARAMETERS else "DHE-FFDHE3072"
    assert found == {suite.name: (group, suite.gnutls[1]) for suite in with_dhe}


WITHOUT_DH_PARAMETERS = {"apache", "openssl", "rsyslog-ossl"}
"""These cannot be told the group for DHE in TLS 1.2: OpenSSL takes one of RFC 3526, as long as the RSA key."""


def dhe(room: Room, suite: crypto.Method, port: int) -> tuple[str, ...]:
    """Group and cipher that GnuTLS agrees on, when it offers one suite only: it knows groups of RFC 7919 by name."""
    words = ("+VERS-TLS1.2", "+CTYPE-X509", "+COMP-NULL", "+AEAD", "+SIGN-ALL", "+GROUP-ALL")
    priority = ":".join(["NONE", *words, *(f"+{word}" for word in suite.gnutls)])
    options = ["--no-ca-verification", "--priority", priority, "--port", str(port)]
    said = room.run("gnutls-cli", *options, "127.0.0.1").stdout
    found = re.search(r"^- Description: \(TLS1.2-X.509\)-\((.+)\)-\(.+\)-\((.+)\)$", said, re.MULTILINE)
    return found.groups() if found else (said,)


@pytest.mark.parametrize(("edition", "profile"), PROFILES)
def test_a_server_without_a_profile_takes_what_those_with_one_refuse(room, client, edition, profile):
    port = room.free(len(KEYS))
    for number, key in enumerate(KEYS):
        options = [option for option in client.options(Offer("any")) if option != "-any"]
        room.start(
            *s_server(port + number, key), *options, "-www", "-quiet", OPENSSL_CONF="/dev/null", ports=(port + number,)
        )
    refused = outside(client, profile_of(edition, profile).tls)
    assert [offer for offer, got in made(client, refused, port).items() if got is None] == []


# -- logs over TLS -----------------------------------------------------------------------------------------------------


def sender(driver: str, text: str, name: str, ports: list[int]) -> str:
    """A client of log servers, set as the role logging does it; takes messages from a socket."""
    actions = "".join(
        f"""\
action(
  type="omfwd"
  target="127.0.0.1"
  port="{port}"
  protocol="tcp"
  TCP_Framing="octet-counted"
  template="RSYSLOG_SyslogProtocol23Format"
  StreamDriver="{driver}"
  StreamDriverMode="1"
  StreamDriverAuthMode="x509/name"
  StreamDriverPermittedPeers="localhost"
  StreamDriver.CAFile="/verbund/ca.pem"
  StreamDriver.CertFile="/verbund/p384.pem"
  StreamDriver.KeyFile="/verbund/p384.key"
{text}  action.resumeInterval="1"
  action.resumeRetryCount="-1"
  queue.type="LinkedList"
)
"""
        for port in ports
    )
    return f"""\
global(net.ipprotocol="ipv4-only" DefaultNetstreamDriverCAFile="/verbund/ca.pem")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="/verbund/{name}.socket")
{actions}"""


@pytest.mark.parametrize(("edition", "profile"), PROFILES)
@pytest.mark.parametrize("driver", ["ossl", "gtls"])
def test_a_log_line_goes_to_a_server_of_the_profile_and_to_no_other(room, client, driver, edition, profile):
    """The line is sent to a collector with the same text, and to servers that have everything but the profile."""
    text, name = text_of(f"rsyslog-{driver}", edition, profile), f"log-{driver}-{edition}-{profile}"
    wrong = outside(client, profile_of(edition, profile).tls)
    port = room.free(len(wrong) + 1)
    logs = {}
    for number, offer in enumerate(wrong, 1):
        started = [*s_server(port + number, offer.key), *client.options(offer), "-rev"]
        logs[offer] = room.start(*started, OPENSSL_CONF="/dev/null")
    configurations = {
        "collector": collector(driver, text, port, "p384", "x509/certvalid"),
        "sender": sender(driver, text, name, list(range(port, port + len(wrong) + 1))),
    }
    for what, configuration in configurations.items():
        conf = room.write(f"{name}/{what}.conf", configuration)
        checked = room.run("rsyslogd", "-N1", "-f", conf)
        assert checked.returncode == 0, checked.stderr
        waited = tuple(range(port, port + len(wrong) + 1)) if what == "collector" else ()
        room.start("rsyslogd", "-n", "-f", conf, "-i", f"/verbund/{name}/{what}.pid", ports=waited)
    until((room.directory / f"{name}.socket").exists, lambda: "the sender does not start")
    sent = room.run("logger", "--socket", f"/verbund/{name}.socket", "--tag", "verbund", "through the tunnel")
    assert sent.returncode == 0, sent.stderr

    def arrived() -> bool:
        messages = room.directory / f"{port}.messages"
        return messages.exists() and "through the tunnel" in messages.read_text(encoding="utf-8")

    until(arrived, lambda: "the line did not arrive")
    said = dict.fromkeys(logs, "")

    def tried() -> bool:
        said.update({offer: log.read_text(encoding="utf-8", errors="replace") for offer, log in logs.items()})
        return all("CONNECTION FAILURE" in text for text in said.values())

    until(tried, lambda: f"not refused: {said}")
    assert [offer for offer, text in said.items() if "ESTABLISHED" in text] == []
    possible = at_once(lambda offer: client.offer(offer, port + 1 + wrong.index(offer)), wrong)
    assert [offer for offer, got in possible.items() if got is None] == []


@pytest.mark.parametrize(("edition", "profile"), PROFILES)
def test_a_client_with_the_configuration_of_openssl_talks_within_the_profile_only(room, client, edition, profile):
    conf = room.write(f"client-{edition}-{profile}.cnf", text_of("openssl", edition, profile))
    tls = profile_of(edition, profile).tls
    wrong, right = outside(client, tls), list(offers(tls))
    port = room.free(len(wrong) + len(right))
    waited = tuple(range(port, port + len(wrong) + len(right)))
    for number, offer in enumerate([*wrong, *right]):
        started = [*s_server(port + number, offer.key), *client.options(offer), "-www", "-quiet"]
        room.start(*started, OPENSSL_CONF="/dev/null", ports=waited if port + number == waited[-1] else ())
    every = [*wrong, *right]
    taken = at_once(lambda offer: client.connect(port + every.index(offer), conf=conf), every)
    assert {offer: taken[offer] for offer in wrong if taken[offer]} == {}
    assert [offer for offer in right if not taken[offer]] == []


@pytest.mark.parametrize(("edition", "profile"), PROFILES)
def test_a_mistake_in_the_configuration_of_openssl_does_not_pass_in_silence(room, edition, profile):
    text = text_of("openssl", edition, profile)
    wrong = room.write(f"wrong-{edition}-{profile}.cnf", text.replace("Groups = ", "Groups = nothing:"))
    done = room.run("openssl", "ciphers", "-s", OPENSSL_CONF=wrong)
    assert done.returncode != 0
    assert "cmd=Groups" in done.stderr


# -- IPsec -------------------------------------------------------------------------------------------------------------

# The plugins Debian's charon has for these methods; ESP in user space, since a kernel may not have it.
CHARON = """\
charon-systemd {{
  load = nonce openssl kdf kernel-libipsec kernel-netlink socket-default vici
  plugins {{
    vici {{
      socket = unix:///verbund/{name}.vici
    }}
  }}
  filelog {{
    all {{
      path = /verbund/{name}.charon
      default = 1
      cfg = 2
      flush_line = yes
    }}
  }}
}}
"""
GATEWAY, OTHER, PEER = "10.9.0.1", "10.9.0.2", "10.9.0.3"
LINK = f"""\
mkdir -p /run/netns
ip netns add peer
ip link add left type veth peer name right netns peer
ip addr add {GATEWAY}/24 dev left
ip addr add {OTHER}/24 dev left
ip -n peer addr add {PEER}/24 dev right
ip link set left up
ip -n peer link set right up
"""
NOT_OURS = {
    "encryption": ("aes256gcm8", "aes256gcm12", "aes256ccm16", "chacha20poly1305"),
    "prf": ("prfsha1",),
    "groups": ("x25519", "modp2048", "modp3072", "ecp384bp"),
}
"""What the peer tries besides, where the profile does not have it."""


def connection(name: str, here: str, there: str, nets: tuple[str, str], *settings: str, esp: str = "") -> str:
    """A connection that inherits from the profile, with secrets for both sides, and settings that differ from it."""
    own, others = nets
    lines = [f"{name} : verbund-ike {{", f"local_addrs = {here}", f"remote_addrs = {there}", "unique = never"]
    lines += [*settings]
    lines += [f"{side} {{\nauth = psk\n}}" for side in ("local", "remote")]
    lines += ["children {", f"{name} : verbund-esp {{", f"local_ts = {own}", f"remote_ts = {others}", esp, "}\n}\n}\n"]
    return "\n".join(lines)


class Charon:
    """One side of a tunnel."""

    def __init__(self, room: Room, name: str, *prefix: str) -> None:
        self.room, self.name = room, name
        self.log = room.directory / f"{name}.charon"
        conf = room.write(f"{name}.strongswan.conf", CHARON.format(name=name))
        room.start(*prefix, "charon-systemd", STRONGSWAN_CONF=conf)
        until((room.directory / f"{name}.vici").exists, lambda: f"charon does not start: {self.log}")

    def swanctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.room.run("swanctl", *words, "--uri", f"unix:///verbund/{self.name}.vici")

    def load(self, text: str, connections: list[str]) -> None:
        """Load a profile and connections."""
        whole = f"{text}connections {{\n{''.join(connections)}}}\nsecrets {{\nike {{\nsecret = laboratory\n}}\n}}\n"
        done = self.swanctl("--load-all", "--file", self.room.write(f"{self.name}.swanctl.conf", whole))
        assert done.returncode == 0, done.stderr
        assert f"loaded {len(connections)} connections" in done.stdout or not connections, done.stdout

    def sas(self) -> dict[str, list[dict[str, str]]]:
        """What is in use, by name of the connection: of IKE, then of ESP, the newest last."""
        found = {}
        for line in self.swanctl("--list-sas", "--raw").stdout.splitlines():
            if named := re.match(r"list-sa event \{(\S+) \{", line):
                parts = [dict(re.findall(r"(\S+)=([^\s{}]+)", part)) for part in line.split(" {")]
                found[named[1]] = [part for part in parts if "encr-alg" in part]
        return found


@pytest.fixture(scope="module")
def tunnel(room: Room) -> tuple[Charon, Charon]:
    """A gateway and its peer."""
    made = room.run("sh", "-euc", LINK)
    assert made.returncode == 0, made.stderr
    return Charon(room, "gateway"), Charon(room, "peer", "ip", "netns", "exec", "peer")


def called(name: str) -> str:
    """A method in the words of charon's log."""
    if found := re.fullmatch(r"aes(\d+)([gc]cm)(\d+)", name):
        return f"AES_{found[2].upper()}_{found[3]}_{found[1]}"
    return re.sub(r"^(ecp|modp)", lambda kind: f"{kind[1].upper()}_", name.replace("prfsha", "PRF_HMAC_SHA2_"))


@pytest.mark.parametrize(("edition", "profile"), PROFILES)
def test_a_gateway_agrees_on_each_method_of_the_profile_and_on_no_other(tunnel, edition, profile):
    gateway, peer = tunnel
    ipsec, text = profile_of(edition, profile).ipsec, text_of("ipsec", edition, profile)
    names = {kind: [method.name for method in methods] for kind, methods in crypto.lists(ipsec)}
    first = {kind: found[0] for kind, found in names.items()}
    others = {kind: [name for name in found if name not in names[kind]] for kind, found in NOT_OURS.items()}

    def proposals(chosen: dict[str, str]) -> tuple[str, str]:
        ike = f"proposals = {chosen['encryption']}-{chosen['prf']}-{chosen['groups']}"
        return ike, f"esp_proposals = {chosen['encryption']}-{chosen['groups']}"

    wide, numbers = ("10.8.0.0/16", "10.7.0.0/16"), itertools.count()
    anything = proposals({kind: "-".join([*names[kind], *others[kind]]) for kind in names})
    cbc = "aes256-sha256-modp4096"
    plain = connection("plain", OTHER, PEER, wide, "version = 0", f"{anything[0]},{cbc}", esp=f"{anything[1]},{cbc}")
    connections = {"whole": connection("whole", PEER, GATEWAY, ("10.7.255.0/24", wide[0]))}

    def add(label: str, there: str, *settings: str, esp: str) -> None:
        own = f"10.7.{next(numbers)}.0/24"
        connections[label] = connection(label, PEER, there, (own, wide[0]), *settings, esp=esp)

    # Named after what they propose: charon has one IKE_SA for connections that are the same but for their name.
    each = ({**first, kind: name} for kind in names for name in names[kind])
    single = {"-".join(["own", *chosen.values()]): chosen for chosen in each}
    for label, chosen in single.items():
        ike, esp = proposals(chosen)
        add(label, GATEWAY, ike, esp=esp)
    good, good_esp = proposals(first)
    wrong = []
    for where, there in (("wrong", GATEWAY), ("plain", OTHER)):
        tries = {"v1": ("version = 1", f"proposals = {cbc}", good_esp), "cbc": ("", f"proposals = {cbc}", good_esp)}
        tries["esp-cbc"] = ("", good, "esp_proposals = aes256-sha256")
        for kind, found in others.items():
            for name in found:
                ike, esp = proposals({**first, kind: name})
                tries[f"ike-{kind}-{name}"] = ("", ike, good_esp)
                if kind == "encryption":
                    tries[f"esp-{kind}-{name}"] = ("", good, esp)
        for label, (version, ike, esp) in tries.items():
            add(f"{where}-{label}", there, version, ike, esp=esp)
        wrong = list(tries)
    gateway.load(text, [connection("site", GATEWAY, PEER, wide), plain])
    peer.load(text, list(connections.values()))

    done = {label: peer.swanctl("--initiate", "--child", label, "--timeout", "10") for label in connections}
    made = {label for label, one in done.items() if one.returncode == 0}
    assert made == {label for label in connections if not label.startswith("wrong-")}
    assert wrong

    grouped = [label for label, chosen in single.items() if {**chosen, "groups": ""} == {**first, "groups": ""}]
    for label in grouped:  # the first keys of ESP come from those of IKE; only new ones have an exchange of their own
        assert peer.swanctl("--rekey", "--child", label).returncode == 0
    until(lambda: all("dh-group" in peer.sas()[label][-1] for label in grouped), lambda: str(peer.sas()))
    sas = peer.sas()
    for label, chosen in single.items():
        ike, *_, esp = sas[label]
        assert f"{ike['encr-alg']}_{ike['encr-keysize']}" == called(chosen["encryption"])
        assert f"{esp['encr-alg']}_{esp['encr-keysize']}" == called(chosen["encryption"])
        assert (ike["prf-alg"], ike["dh-group"]) == (called(chosen["prf"]), called(chosen["groups"]))
        assert label not in grouped or esp["dh-group"] == called(chosen["groups"])
    assert peer.swanctl("--rekey", "--child", "whole").returncode == 0
    proposed = re.findall(r"configured proposals: (\S+)$", peer.log.read_text(encoding="utf-8"), re.MULTILINE)
    enough = [called(name) for name in names["encryption"]], [called(name) for name in names["groups"]]
    prf = [called(name) for name in names["prf"]]
    assert "IKE:" + "/".join([*enough[0], *prf, *enough[1]]) in proposed
    assert "ESP:" + "/".join([*enough[0], *enough[1], "NO_EXT_SEQ"]) in proposed

    # Charon draws when to renew at random, so that not all tunnels do so at once: what counts is the end.
    ike, *_, esp = sas["whole"]
    assert 0 < int(ike["rekey-time"]) <= (ipsec.ike_hours - 4) * 3600
    assert 0 < int(esp["rekey-time"]) < int(esp["life-time"]) <= ipsec.child_hours * 3600
    latest = re.findall(r"maximum IKE_SA lifetime (\d+)s", peer.log.read_text(encoding="utf-8"))
    assert latest
    assert max(map(int, latest)) <= ipsec.ike_hours * 3600
    for label in peer.sas():
        assert peer.swanctl("--terminate", "--ike", label).returncode == 0


def test_the_text_for_ipsec_is_no_connection(tunnel):
    """It is to be inherited from: a connection without addresses and authentication would be open to all."""
    for edition, profile in (parameter.values for parameter in PROFILES):
        tunnel[0].load(text_of("ipsec", edition, profile), [])
        assert tunnel[0].swanctl("--list-conns").stdout.strip() == ""


# -- SSH ---------------------------------------------------------------------------------------------------------------

SSH_KEYS = """\
cd /verbund
for kind in 'ecdsa 256' 'ecdsa 384' 'ecdsa 521' 'ed25519 256' 'rsa 3072'; do
    set -- $kind
    ssh-keygen -q -t "$1" -b "$2" -N '' -f "user-$1-$2" -C "user-$1-$2"
done
cat user-*.pub > authorized_keys
ssh-keygen -A
mkdir -p /run/sshd
"""
SSH_OPTIONS = {
    "kex": "KexAlgorithms",
    "ciphers": "Ciphers",
    "macs": "MACs",
    "signatures": "HostKeyAlgorithms",
}
"""List of a profile -> option of ssh and sshd."""

USED = {
    "KexAlgorithms": r"kex: algorithm: (\S+)",
    "HostKeyAlgorithms": r"kex: host key algorithm: (\S+)",
    "Ciphers": r"kex: server->client cipher: (\S+)",
    "MACs": r"kex: server->client cipher: \S+ MAC: (\S+)",
}
"""Option -> where ssh says what is in use."""


@pytest.fixture(scope="module")
def keys(room: Room) -> dict[str, set[str]]:
    """All that ssh has, by option."""
    made = room.run("sh", "-euc", SSH_KEYS)
    assert made.returncode == 0, made.stderr
    queries = {"KexAlgorithms": "kex", "Ciphers": "cipher", "MACs": "mac", "HostKeyAlgorithms": "key-sig"}
    return {option: set(room.run("ssh", "-Q", query).stdout.split()) for option, query in queries.items()}


@dataclass(frozen=True)
class Login:
    """A client and a server of its own, each with a file and options, and a key of the user."""

    client: str
    server: str
    at_client: tuple[tuple[str, str], ...] = ()
    at_server: tuple[tuple[str, str], ...] = ()
    user: str = "ecdsa-384"


def ssh(room: Room, login: Login) -> dict[str, str] | None:
    """Log in; what was in use, or None if nothing came of it."""
    daemon = ["/usr/sbin/sshd", "-i", "-f", login.server, *(f"-o{key}={value}" for key, value in login.at_server)]
    options = [
        *("-v", "-F", login.client, "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oBatchMode=yes"),
        *(f"-oProxyCommand={' '.join(daemon)}", f"-oIdentityFile=/verbund/user-{login.user}"),
        *(f"-o{key}={value}" for key, value in login.at_client),
    ]
    done = room.run("ssh", *options, "root@laboratory", "true")
    if done.returncode:
        return None
    return {option: found[1] if (found := re.search(used, done.stderr)) else "" for option, used in USED.items()}


USER_KEYS = {
    "ecdsa-256": "ecdsa-sha2-nistp256",
    "ecdsa-384": "ecdsa-sha2-nistp384",
    "ecdsa-521": "ecdsa-sha2-nistp521",
    "ed25519-256": "ssh-ed25519",
    "rsa-3072": "rsa-sha2-512",
}
"""Keys of the user, and what they sign with."""

HOST_KEYS = {"ecdsa-sha2-nistp256", "ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"}
"""What a host of the lab can sign with: it has one key of each kind."""

COUNTER = "aes256-ctr"
"""A cipher that needs a MAC, which is not so with AES-GCM."""


def alone(lists: dict[str, tuple[crypto.Method, ...]]) -> Iterator[dict[str, str]]:
    """One method of each list at a time, until all were there."""
    names = {option: [method.name for method in methods] for option, methods in lists.items()}
    names["HostKeyAlgorithms"] = [name for name in names["HostKeyAlgorithms"] if name in HOST_KEYS]
    counters = [name for name in names["Ciphers"] if name.endswith("-ctr")]
    with_mac = list(itertools.islice(itertools.cycle(counters), max(len(counters), len(names["MACs"]))))
    names["Ciphers"] = with_mac + [name for name in names["Ciphers"] if name not in counters]
    for chosen in itertools.zip_longest(*names.values()):
        yield {option: name for option, name in zip(names, chosen, strict=True) if name}


@pytest.mark.parametrize(("edition", "profile"), PROFILES)
def test_ssh_and_sshd_use_each_method_of_the_profile_and_no_other(room, keys, edition, profile):
    """The one with the profile talks to one that has everything: first each method alone, then all the others."""
    chosen = profile_of(edition, profile).ssh
    own = "StrictModes no\nAuthorizedKeysFile /verbund/authorized_keys\nPerSourcePenalties no\nUsePAM no\n"
    plain = "".join(f"{option} {','.join(sorted(found))}\n" for option, found in keys.items())
    hosts = "".join(f"HostKey /etc/ssh/ssh_host_{kind}_key\n" for kind in ("ecdsa", "ed25519", "rsa"))
    name = f"{edition}-{profile}"
    server = room.write(f"{name}.sshd", text_of("sshd", edition, profile) + own)
    client = room.write(f"{name}.ssh", text_of("ssh", edition, profile))
    plain_server = room.write(f"{name}.sshd-plain", f"{plain}{hosts}{own}")
    plain_client = room.write(f"{name}.ssh-plain", plain)
    checked = room.run("sshd", "-t", "-f", server)
    assert (checked.returncode, checked.stderr) == (0, "")
    good: dict[Login, dict[str, str]] = {}
    bad: list[Login] = []
    for one in alone({SSH_OPTIONS[kind]: found for kind, found in crypto.lists(chosen) if kind in SSH_OPTIONS}):
        good[Login(plain_client, server, at_client=tuple(one.items()))] = one
        good[Login(client, plain_server, at_server=tuple(one.items()))] = one
    for label, option in SSH_OPTIONS.items():
        others = [(option, ",".join(sorted(keys[option] - {method.name for method in getattr(chosen, label)})))]
        others += [("Ciphers", COUNTER)] if option == "MACs" else []
        bad += [Login(plain_client, server, at_client=tuple(others))]
        bad += [Login(client, plain_server, at_server=tuple(others))]
        good[Login(plain_client, plain_server, at_client=tuple(others))] = {}  # so nothing else was the reason
    allowed = {signature.name for signature in chosen.signatures}
    for user, method in USER_KEYS.items():
        for login in (Login(plain_client, server, user=user), Login(client, plain_server, user=user)):
            if method in allowed:
                good[login] = {}
            else:
                bad.append(login)
        good[Login(plain_client, plain_server, user=user)] = {}
    found = at_once(partial(ssh, room), [*good, *bad])
    assert [login for login in bad if found[login] is not None] == []
    assert [login for login in good if found[login] is None] == []
    for login, one in good.items():
        assert {option: found[login][option] for option in one} == one
