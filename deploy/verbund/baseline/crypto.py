# SPDX-License-Identifier: EUPL-1.2
"""Cryptographic methods as dated data: one file per edition of the guideline, what uses it, and what ends when.

The files are ``roles/sshd/files/crypto_<edition>.yml``, beside the role that reads most of them, so that the roles work
as an Ansible collection without this package. The inventory is what CON.1.A19 asks for (Krypto-Kataster).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from verbund.baseline.results import Record
from verbund.errors import Finding, InputError
from verbund.intent.settings import catalogue
from verbund.intent.yaml_source import Source, shown

if TYPE_CHECKING:
    from verbund.intent import Intent

DIRECTORY = Path("sshd/files")
"""Where the editions are, below the directory of roles."""

USES = {
    "sshd": ("SSH server", "ssh"),
    "ssh_client": ("SSH client", "ssh"),
    "logging": ("logs over TLS", "tls"),
}
"""Role (prefix of its settings) -> what uses the methods, and which part of a profile it follows."""

SETTINGS = frozenset(f"{role}_{name}" for role in USES for name in ("crypto_guideline", "crypto_profile", "openssh"))
"""The settings that decide it."""

KINDS = {
    "kex": "key exchange",
    "ciphers": "encryption",
    "macs": "checksum",
    "signatures": "signature",
    "certificates": "certificate",
    "versions": "protocol",
    "suites_1_3": "TLS 1.3 suite",
    "suites_1_2": "TLS 1.2 suite",
    "groups": "key exchange",
    "encryption": "encryption",
    "prf": "pseudo-random function",
}
"""List in a profile -> what its methods are for."""


class Method(Record):
    """One method. ``bits`` is the length of its key; ``source`` and ``end`` are keys of the guideline's lists."""

    name: str
    bits: Annotated[int, Field(ge=128)] | None = None
    source: str
    end: str
    openssh: str = "0"
    openssl: str = ""
    gnutls: tuple[str, ...] = ()


Methods = Annotated[tuple[Method, ...], Field(min_length=1)]


class Ssh(Record):
    """What SSH server and client offer, best first."""

    kex: Methods
    ciphers: Methods
    macs: Methods
    signatures: Methods
    certificates: Methods
    host_keys: tuple[str, ...]
    rekey: str
    rsa_bits: int


class Tls(Record):
    """What TLS offers, best first."""

    versions: Methods
    suites_1_3: Methods
    suites_1_2: Methods
    groups: Methods
    signatures: Methods


class Ipsec(Record):
    """What IKEv2 and ESP offer, best first; lifetimes in hours."""

    encryption: Methods
    prf: Methods
    groups: Methods
    ike_hours: Annotated[int, Field(gt=4)]
    child_hours: Annotated[int, Field(gt=1)]


class Profile(Record):
    """A choice of methods for every protocol."""

    ssh: Ssh
    tls: Tls
    ipsec: Ipsec


class End(Record):
    """The year at whose end methods go, None where none is known, and who says so."""

    year: int | None
    why: str


class Key(Record):
    """Keys that are made whatever the profile."""

    use: str
    name: str
    bits: int
    source: str
    end: str


class Guideline(Record):
    """One edition of the guideline."""

    guideline: str
    edition: str
    since: str
    warn_years: Annotated[int, Field(ge=1, le=20)]
    sources: dict[str, str]
    ends: dict[str, End]
    keys: tuple[Key, ...]
    profiles: dict[str, Profile]

    @property
    def title(self) -> str:
        """Name and edition."""
        return f"{self.guideline} ({self.edition})"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the inventory.

    Args:
        use: what uses the method.
        kind: what the method is for.
        name: the method.
        bits: length of its key; None where it has none.
        hosts: number of hosts that use it.
        tenants: towns of these hosts.
        guideline: edition the choice follows, such as ``tr-02102_2026-01``.
        profile: profile of the edition; empty for keys, which do not depend on it.
        since: release of the standard since which it is in force.
        until: the year at whose end it goes; None where none is known.
        why: who says so.
        source: where the method is listed.
        end: key of the end in the guideline.
    """

    use: str
    kind: str
    name: str
    bits: int | None
    hosts: int
    tenants: tuple[str, ...]
    guideline: str
    profile: str
    since: str
    until: int | None
    why: str
    source: str
    end: str


@dataclass(slots=True)
class _Found:
    """The hosts that make the same choice."""

    hosts: int = 0
    tenants: set[str] = field(default_factory=set)

    def add(self, tenant: str) -> None:
        self.hosts += 1
        self.tenants.add(tenant)


def path_of(roles: Path, name: str) -> Path:
    """The file of an edition.

    Args:
        roles: directory of roles.
        name: of the edition, such as ``tr-02102_2026-01``.
    """
    return roles / DIRECTORY / f"crypto_{name}.yml"


def editions(roles: Path) -> list[str]:
    """The editions there are, by name."""
    return sorted(path.stem.removeprefix("crypto_") for path in (roles / DIRECTORY).glob("crypto_*.yml"))


@lru_cache(maxsize=8)
def read(roles: Path, name: str) -> tuple[Guideline, Source]:
    """Read an edition of the guideline, with the source for places in messages.

    Args:
        roles: directory of roles.
        name: of the edition.

    Raises:
        InputError: there is none of that name, or its file is not in order; every problem with file, line and column.
    """
    path, known = path_of(roles, name), editions(roles)
    if name not in known:
        hint = f"a setting *_crypto_guideline or --guideline names it; there is: {', '.join(known) or 'none'}"
        raise InputError([Finding(shown(path), 0, 0, "there is no such edition of the crypto guideline", hint)])
    source = Source(path)
    if not source.usable:
        raise InputError(source.findings)
    try:
        guideline = Guideline.model_validate(source.value)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            source.add(problem["loc"], f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}")
        raise InputError(source.findings) from None
    places: list[tuple[tuple[str | int, ...], Method | Key]] = [
        (("keys", number), key) for number, key in enumerate(guideline.keys)
    ]
    for profile, choice in guideline.profiles.items():
        for part in ("ssh", "tls", "ipsec"):
            places += [
                (("profiles", profile, part, name_of, number), method)
                for name_of, methods in lists(getattr(choice, part))
                for number, method in enumerate(methods)
            ]
    for place, method in places:
        for label, allowed in (("source", guideline.sources), ("end", guideline.ends)):
            if (value := getattr(method, label)) not in allowed:
                source.add((*place, label), f"'{value}' is not in {label}s", f"there is: {', '.join(sorted(allowed))}")
    if source.findings:
        raise InputError(source.findings)
    return guideline, source


def lists(part: Ssh | Tls | Ipsec) -> Iterator[tuple[str, tuple[Method, ...]]]:
    """The lists of methods of a part of a profile, by the name of the field."""
    for name in type(part).model_fields:
        if name in KINDS:
            yield name, getattr(part, name)


def knows(method: Method, openssh: str) -> bool:
    """Whether an OpenSSH release such as ``10.0`` has a method."""
    return _version(openssh) >= _version(method.openssh)


def inventory(roles: Path, intent: Intent) -> list[Entry]:
    """What is used where: every method of every host of the intent.

    Args:
        roles: directory of roles; their defaults hold where the intent sets nothing.
        intent: the hosts and their settings.

    Raises:
        InputError: a host follows an edition or a profile that does not exist.
    """
    defaults = {name: value for name, (value, _, _) in catalogue(roles).defaults.items()}
    found: defaultdict[tuple[str, str, str, str], _Found] = defaultdict(_Found)
    everywhere = _Found()
    for host in intent.hosts:
        everywhere.add(host.tenant)
        variables = intent.variables(host)
        setting = {**defaults, **variables}.get if variables.keys() & SETTINGS else defaults.get
        for role in USES:
            name, profile = setting(f"{role}_crypto_guideline"), setting(f"{role}_crypto_profile")
            if name is not None and profile is not None:
                found[role, str(name), str(profile), str(setting(f"{role}_openssh", "0"))].add(host.tenant)
    rows = []
    for key in sorted(found, key=lambda key: (list(USES).index(key[0]), key[1:])):
        role, name, profile, openssh = key
        guideline, _ = read(roles, name)
        use, part = USES[role]
        for label, methods in lists(getattr(chosen(roles, name, profile), part)):
            rows += [
                _entry(guideline, name, method, use=use, kind=KINDS[label], profile=profile, found=found[key])
                for method in methods
                if part != "ssh" or knows(method, openssh)
            ]
    if found:
        name = max(key[1] for key in found)
        guideline, _ = read(roles, name)
        rows += [
            _entry(guideline, name, key, use=key.use, kind="key", profile="", found=everywhere)
            for key in guideline.keys
        ]
    return rows


def chosen(roles: Path, name: str, profile: str) -> Profile:
    """A profile of an edition.

    Raises:
        InputError: one of the two does not exist.
    """
    guideline, source = read(roles, name)
    if profile not in guideline.profiles:
        hint = f"there is: {', '.join(guideline.profiles)}"
        raise InputError([source.finding(("profiles",), f"there is no profile '{profile}'", hint, key=True)])
    return guideline.profiles[profile]


def warnings(roles: Path, rows: list[Entry], on: date) -> list[Finding]:
    """What ends soon or has ended, one finding per end, at the line of its year.

    Args:
        roles: directory of roles.
        rows: the inventory.
        on: the day to judge for.
    """
    ending: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for row in rows:
        if row.until is not None:
            ending[row.guideline, row.end].append(row)
    found = []
    for (name, end), affected in ending.items():
        guideline, source = read(roles, name)
        year = affected[0].until
        if year is None or on.year <= year - guideline.warn_years:
            continue
        names = sorted({row.name for row in affected})
        uses = sorted({row.use for row in affected})
        what = f"{', '.join(names[:4])}{f' and {len(names) - 4} more' if names[4:] else ''} ({', '.join(uses)})"
        if on.year > year:
            message = f"ended with {year} and still in use: {what}; {affected[0].why}"
        else:
            message = f"ends with {year}, {_left(on, year)} from {on}: {what}; {affected[0].why}"
        hint = (
            "plan the move; a newer edition of the guideline is a new file beside this one (see docs/architecture.md)"
        )
        found.append(source.finding(("ends", end, "year"), message, hint, warning=True))
    return sorted(found)


def _left(on: date, year: int) -> str:
    months = (year - on.year) * 12 + 12 - on.month
    return f"{months} months" if months else "this month"


def _entry(
    guideline: Guideline, name: str, method: Method | Key, *, use: str, kind: str, profile: str, found: _Found
) -> Entry:
    end = guideline.ends[method.end]
    return Entry(
        use=use,
        kind=kind,
        name=method.name,
        bits=method.bits,
        hosts=found.hosts,
        tenants=tuple(sorted(found.tenants)),
        guideline=name,
        profile=profile,
        since=guideline.since,
        until=end.year,
        why=end.why,
        source=guideline.sources[method.source],
        end=method.end,
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
