# SPDX-License-Identifier: EUPL-1.2
"""Fixtures of the baseline checks; the same for ``verbund verify`` and for plain pytest.

Plain: ``pytest --hosts='ansible://all' --ansible-inventory=inventory/verbund.yml tests/baseline``
(also ``ssh://host`` and ``local://``). Checks read as root: where the login is another account they use sudo.
"""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testinfra.host import Host

HERE = Path(__file__).parent
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROLES = HERE.parent.parent / "roles"
# Checks import helpers with "from support import ..."; the importlib mode of pytest leaves sys.path alone.
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

_is_root: dict[str, bool] = {}


class Settings(dict[str, Any]):
    """The variables of one host. An unknown name is an error of the check, said in so many words."""

    def __missing__(self, key: str) -> Any:
        raise KeyError(f"{key}: neither a default of a role nor a variable of this host in the inventory")


@cache
def _role_defaults() -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for path in sorted(ROLES.glob("*/defaults/main.yml")):
        merged |= yaml.load(path.read_bytes(), Loader=_LOADER) or {}
    return merged


@cache
def _controls() -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(ROLES.glob("*/meta/controls.yml")):
        document = yaml.load(path.read_bytes(), Loader=_LOADER) or {}
        found |= {control["id"]: control for control in document.get("controls", [])}
    return found


def pytest_configure(config: pytest.Config) -> None:
    # testinfra starts "ansible-inventory" by name; it is beside this Python also where no environment is activated.
    if shutil.which("ansible-inventory") is None:
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    _read_marked_strings()
    config.addinivalue_line("markers", "control(id): the control of the baseline that this test proves")


def _read_marked_strings() -> None:
    """Teach testinfra the mark that ansible-core 2.19 and later put on strings that are no templates.

    ``ansible-inventory --list`` gives each string of the intent as ``{"__ansible_unsafe": "..."}``. testinfra takes
    that for the value: it would find no address to connect to and no host class, and every control would be
    "not applicable".
    """
    from testinfra.utils import ansible_runner

    if getattr(ansible_runner.get_ansible_inventory, "reads_marks", False):
        return
    original = ansible_runner.get_ansible_inventory

    def get_ansible_inventory(*arguments: Any, **options: Any) -> Any:
        return unmarked(original(*arguments, **options))

    get_ansible_inventory.reads_marks = True  # type: ignore[attr-defined]
    ansible_runner.get_ansible_inventory = get_ansible_inventory


def unmarked(value: Any) -> Any:
    """Plain data, as it was before ansible-inventory marked its strings."""
    if isinstance(value, dict):
        if value.keys() == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: unmarked(item) for key, item in value.items()}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def _evaluation(request: pytest.FixtureRequest) -> Any:
    """The evaluation of ``verbund verify`` this test runs in, None in plain pytest."""
    return request.config.pluginmanager.get_plugin("verbund-evaluation")


@pytest.fixture(name="settings")
def settings_fixture(request: pytest.FixtureRequest, _testinfra_host: Host) -> Settings:
    """Defaults of all roles, overridden by the inventory variables of the host."""
    evaluation = _evaluation(request)
    if evaluation is not None:
        return Settings(evaluation.settings)
    variables: Mapping[str, Any] = {}
    if _testinfra_host.backend.get_connection_type() == "ansible":
        variables = _testinfra_host.backend.get_variables()
    return Settings({**_role_defaults(), **variables})


@pytest.fixture(name="host")
def host_fixture(request: pytest.FixtureRequest, _testinfra_host: Host, settings: Settings) -> Iterator[Host]:
    """The host as testinfra shows it, asked as root."""
    evaluation = _evaluation(request)
    if evaluation is not None:
        yield evaluation.host
        return
    marker = request.node.get_closest_marker("control")
    control = _controls().get(marker.args[0], {}) if marker and marker.args else {}
    for key, kind in (("classes", "class"), ("profiles", "profile")):
        wanted, actual = control.get(key), settings.get("verbund_host_class" if kind == "class" else "verbund_profile")
        if wanted and actual and actual not in wanted:
            pytest.skip(f"not applicable: {marker.args[0]} is not for {kind} {actual}")
    name = _testinfra_host.backend.get_pytest_id()
    if name not in _is_root:
        _is_root[name] = _testinfra_host.check_output("id -u") == "0"
    if _is_root[name]:
        yield _testinfra_host
    else:
        with _testinfra_host.sudo():
            yield _testinfra_host


@pytest.fixture
def own_kernel(host: Host) -> None:
    """Skip where the host shares the kernel of another machine: it cannot load modules, audit rules or profiles."""
    answer = host.run("systemd-detect-virt --container")
    kind = answer.stdout.strip()
    if answer.rc == 0:
        pytest.skip(f"not applicable: a container ({kind}) has no kernel of its own")
    if kind != "none":
        raise RuntimeError(f"cannot tell whether this is a container: {answer.stderr.strip() or kind}")
