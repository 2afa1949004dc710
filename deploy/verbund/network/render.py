# SPDX-License-Identifier: EUPL-1.2
"""From a structured configuration to the lines of a device, by the templates in ``templates/network/<platform>/``.

A rendered configuration is written the way the device itself prints it: what is pushed can be compared with what is
read back. Secrets stand in it as ``<secret:NAME>``; `fill` puts them in, as the last step before the push.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import jinja2

from verbund.errors import UsageError, VerbundError
from verbund.network.platforms import PLATFORMS, Gap, gaps, unknown_ports
from verbund.network.structured import DeviceConfig, runs, vlan_text

TEMPLATES = Path("templates/network")
SECRET = re.compile(r"<secret:([a-z0-9_./-]+)>")
_CONTROL = re.compile(r"VB-SWI-[0-9]{3}")
_MARK = "\x01"
# Command lines of switches take ASCII; a terminal in another character set would show the rest as something else.
_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_FILE = re.compile(r"^=== (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What belongs on a device.

    Args:
        files: path on the device -> content; a platform with a command line has one, named ``running-config``.
        gaps: what was asked for and is not in there.
    """

    files: Mapping[str, str]
    gaps: tuple[Gap, ...]

    @property
    def text(self) -> str:
        """All files as one text, each under its name where there are several."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))
        return "".join(f"=== {name}\n{content}" for name, content in self.files.items())


def secret(name: str) -> str:
    """How a rendered configuration names a secret."""
    return f"<secret:{name}>"


def fill(text: str, secrets: Callable[[str], str]) -> str:
    """Put the secrets into rendered lines.

    Args:
        text: rendered lines.
        secrets: gives the secret of a name.

    Raises:
        VerbundError: a secret would break its line (blank, quote or control character in it).
    """

    def replace(match: re.Match[str]) -> str:
        value = secrets(match[1])
        if not re.fullmatch(r"[!#-&(->@-\[\]-~]+", value):
            raise VerbundError(
                f"the secret '{match[1]}' holds a character that a switch's line cannot bear",
                "use letters, digits and . _ - + * only, without blanks, quotes, ? and backslashes",
            )
        return value

    return SECRET.sub(replace, text)


def render(config: DeviceConfig, root: Path) -> Rendered:
    """Render one device.

    Args:
        config: what the device shall be.
        root: the project, whose ``templates/network`` are used.

    Raises:
        UsageError: the project has no template for the platform, or a port has a name the platform does not use.
    """
    if wrong := unknown_ports(config):
        raise UsageError(
            f"{config.name}: port '{wrong[0]}' is no name of a port on {PLATFORMS[config.platform].title}",
            f"{len(wrong)} such ports; names look like {_example(config)}",
        )
    template = _template(root / TEMPLATES, config.platform)
    text = template.render(c=config, m=config.management, platform=PLATFORMS[config.platform])
    text = re.sub(r"\n{2,}", "\n", text.lstrip("\n"))
    if PLATFORMS[config.platform].cli:
        text = text.translate(_ASCII)
    return Rendered(_split(text), tuple(gaps(config)))


def annotated(config: DeviceConfig, root: Path) -> list[tuple[str, frozenset[str]]]:
    """Render one device with the ids of the controls that its templates name behind the lines.

    Args:
        config: a device of a platform with a command line.
        root: the project.

    Returns:
        lines as `render` gives them, each with the ids of its controls.
    """
    template = _template(root / TEMPLATES, config.platform, ids=True)
    text = template.render(c=config, m=config.management, platform=PLATFORMS[config.platform])
    rows: list[tuple[str, frozenset[str]]] = []
    for row in text.translate(_ASCII).split("\n"):
        line, *marks = row.split(_MARK)
        if line.strip():
            rows.append((line, frozenset(_CONTROL.findall(" ".join(marks)))))
    return rows


def control_ids(root: Path, platform: str) -> frozenset[str]:
    """The controls that the template of a platform names."""
    return frozenset(_CONTROL.findall((root / TEMPLATES / platform / "config.j2").read_text()))


def _split(text: str) -> dict[str, str]:
    parts = _FILE.split(text)
    if len(parts) == 1:
        return {"running-config": text}
    return {name: content.lstrip("\n") for name, content in zip(parts[1::2], parts[2::2], strict=True)}


def _example(config: DeviceConfig) -> str:
    examples = {
        "cisco_ios": "GigabitEthernet1/0/1",
        "aruba_aoscx": "1/1/1",
        "aruba_aoss": "1",
        "lancom_sx": "GigabitEthernet1/1",
        "hpe_comware": "GigabitEthernet1/0/1",
        "linux_bridge": "swp1",
        "openvswitch": "swp1",
    }
    return examples[config.platform]


class _WithIds(jinja2.FileSystemLoader):
    """Lets the comments behind the lines come out, so that it can be seen which control a line belongs to."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, name, fresh = super().get_source(environment, template)
        return re.sub(r"\{#([^\n]*?)\+#\}", lambda match: _MARK + match[1], source), name, fresh


@cache
def _environment(templates: Path, ids: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=(_WithIds if ids else jinja2.FileSystemLoader)(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - lines of a switch, no HTML; the words of people are checked by the model
    )
    environment.filters.update(
        vlans=vlan_text,
        comware_vlans=lambda numbers: vlan_text(numbers, to=" to ", comma=" "),
        wildcard=lambda network: str(network.hostmask),
        secret=secret,
        ports=port_text,
        runs=lambda numbers: list(runs(numbers)),
        spaced=lambda name: re.sub(r"([A-Za-z])([0-9]+/[0-9]+)$", r"\1 \2", name),
        # RFC 3411, SnmpEngineID: enterprise 2356 (LANCOM) with the first bit set, format 4 (text), then the text.
        engine_id=lambda name: "8000093404" + name[:27].encode().hex(),
        ipv4=lambda networks: [network for network in networks if isinstance(network, IPv4Network)],
        ipv6=lambda networks: [network for network in networks if not isinstance(network, IPv4Network)],
    )
    return environment


@cache
def _template(templates: Path, platform: str, *, ids: bool = False) -> jinja2.Template:
    try:
        return _environment(templates, ids).get_template(f"{platform}/config.j2")
    except jinja2.TemplateNotFound:
        raise UsageError(
            f"no template for {platform} in {templates}", "restore templates/network from the repository"
        ) from None


def port_text(names: Any) -> str:
    """Port names with ranges, as AOS-S writes them: ``1-12,14,A1-A4,Trk1``.

    Args:
        names: the names, in any order.
    """
    groups: dict[str, list[int]] = {}
    single: list[str] = []
    for name in names:
        match = re.fullmatch(r"(.*?)([0-9]+)", name)
        if match and not name.lower().startswith("trk"):
            groups.setdefault(match[1], []).append(int(match[2]))
        else:
            single.append(name)
    parts: list[str] = []
    for stem in sorted(groups):
        numbers = sorted(groups[stem])
        first = last = numbers[0]
        for number in [*numbers[1:], -1]:
            if number == last + 1:
                last = number
                continue
            parts.append(f"{stem}{first}" if first == last else f"{stem}{first}-{stem}{last}")
            first = last = number
    trunks = sorted(single, key=lambda name: (len(name), name))
    return ",".join([*parts, *trunks])
