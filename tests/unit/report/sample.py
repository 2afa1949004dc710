# SPDX-License-Identifier: EUPL-1.2
"""Results of any size for the report's tests: the same arguments always give the same results."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from verbund.baseline.results import (
    BsiReference,
    ControlInfo,
    ControlResult,
    DeviationInfo,
    HostResult,
    Observation,
    Results,
    RunInfo,
    Title,
    Verdict,
)

FINISHED = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
_TOPICS = (
    ("sshd", "SYS.1.3.A8", "Root kann sich nicht per SSH anmelden", "Root cannot log in over SSH"),
    ("firewall", "SYS.1.1.A19", "Eingehend ist nur offen, was der Standard nennt", "Inbound is closed unless named"),
    ("time", "OPS.1.2.6.A5", "Die Uhr folgt dem Zeitserver des Standorts", "The clock follows the site's time server"),
    ("apt", "OPS.1.1.3.A15", "Sicherheitsupdates werden täglich eingespielt", "Security updates are installed daily"),
    ("audit", "OPS.1.1.5.A3", "Änderungen an Konten werden aufgezeichnet", "Changes to accounts are recorded"),
    ("pam", "ORP.4.A22", "Passwörter haben mindestens zwölf Zeichen", "Passwords have at least twelve characters"),
)  # fmt: skip
_SITES = (("erkrath", "gse"), ("erkrath", "gym"), ("erkrath", "rathaus"), ("haan", "rathaus"), ("krzn", "rz"))


def control(number: int) -> ControlInfo:
    """Control number ``number`` (from 0)."""
    role, requirement, de, en = _TOPICS[number % len(_TOPICS)]
    nth = number // len(_TOPICS)
    return ControlInfo(
        id=f"VB-{role[:3].upper()}-{nth + 1:03}",
        title=Title(de=de if not nth else f"{de} ({nth + 1})", en=en if not nth else f"{en} ({nth + 1})"),
        bsi=(BsiReference(req=requirement, sentences=(1, 2), level="BS"[number % 2]),),
        role=role,
        evidence="both",
        since="2026.1",
    )


def run(finished: datetime = FINISHED, name: str = "20261122T153000Z") -> RunInfo:
    """A run that took four minutes."""
    return RunInfo(
        id=name, started=finished - timedelta(minutes=4), finished=finished, operator="IT-Koordination",
        release="2026.1", command="verbund verify",
    )  # fmt: skip


def results(
    hosts: int, controls: int, *, seed: int = 0, finished: datetime = FINISHED, name: str = "20261122T153000Z"
) -> Results:
    """A fleet: most met, some of every other verdict, one host in 60 unreachable; ``seed`` moves some verdicts."""
    described = tuple(control(number) for number in range(controls))
    fleet = tuple(_host(number, described, seed, finished) for number in range(hosts))
    return Results(run=run(finished, name), controls=described, hosts=fleet)


def _host(number: int, controls: tuple[ControlInfo, ...], seed: int, finished: datetime) -> HostResult:
    tenant, site = _SITES[number % len(_SITES)]
    kind = "server" if number % 17 == 3 else "client"
    silent = number % 60 == 59
    return HostResult(
        host=f"{site[:3]}-{'srv' if kind == 'server' else f'r{number // 25:03}-pc'}{number:03}",
        tenant=tenant, site=site, room=None if kind == "server" else f"R{number // 25:03}", host_class=kind,
        profile="site-server" if kind == "server" else "school-client" if site[0] == "g" else "townhall-client",
        zone="servers" if kind == "server" else "teaching" if site[0] == "g" else "administration",
        address=f"10.20.{number // 250}.{number % 250 + 2}",
        collected=None if silent else finished - timedelta(minutes=2),
        error="keine Antwort auf Port 22 innerhalb von 10 Sekunden" if silent else "",
        facts={} if silent else {"kernel": "6.12.48", "debian": "13.2", "memory": f"{4 + number % 3 * 4} GB"},
        results=tuple(_result(number, place, info, seed, silent, finished) for place, info in enumerate(controls)),
    )  # fmt: skip


def _result(host: int, place: int, info: ControlInfo, seed: int, silent: bool, finished: datetime) -> ControlResult:
    if silent:
        return ControlResult(control=info.id, verdict=Verdict.NOT_EVALUATED, reason="Rechner nicht erreichbar")
    if host % 3 == 0:
        draw = (host * 7919 + place * 104729 + (seed if (host + place) % 5 == 0 else 0) * 31) % 97
    else:
        draw = 96 if host % 25 != 4 else 80 + place % 8
    if draw < 9:
        return ControlResult(
            control=info.id, verdict=Verdict.NOT_MET, reason=f"{info.role}: option{place} is yes, expected no",
            observations=(
                Observation(command=f"{info.role} -T", exit_status=0, stdout=f"option{place} yes\nhost {host}\n" * 9),
            ),
        )  # fmt: skip
    if draw < 10:
        return ControlResult(
            control=info.id, verdict=Verdict.STALE, reason="evidence is 9 days old, lifetime is 7 days"
        )
    if draw < 12:
        return ControlResult(control=info.id, verdict=Verdict.NOT_EVALUATED, reason=f"{info.role}: command not found")
    if draw in {83, 84}:
        days = 11 + 30 * (place % 3)
        given = DeviationInfo(
            owner="IT-Koordination", reason=f"Altes Fachverfahren braucht Ausnahme {place % 3 + 1}",
            compensation="Netz ist abgetrennt", expires=date(2026, 11, 22) + timedelta(days=days),
        )  # fmt: skip
        return ControlResult(control=info.id, verdict=Verdict.EXCEPTED, reason=given.reason, deviation=given)
    if draw < 20:
        return ControlResult(control=info.id, verdict=Verdict.NOT_APPLICABLE, reason="not applicable: no own kernel")
    return ControlResult(control=info.id, verdict=Verdict.MET)
