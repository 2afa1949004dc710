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
from testinfra.utils import ansible_runner

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


def _plain(value: Any) -> Any:
    """Variables as they are, without the mark of ansible-inventory for a text that is never to be templated."""
    if isinstance(value, dict):
        if set(value) == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def _inventory(*arguments: Any) -> Any:
    """The inventory for testinfra. It takes a marked text for a mapping and then cannot even connect."""
    return _plain(_ansible_inventory(*arguments))


_ansible_inventory = ansible_runner.get_ansible_inventory


def pytest_configure(config: pytest.Config) -> None:
    ansible_runner.get_ansible_inventory = _inventory
    # testinfra starts "ansible-inventory" by name; it is beside this Python also where no environment is activated.
    if shutil.which("ansible-inventory") is None:
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    config.addinivalue_line("markers", "control(id): the control of the baseline that this test proves")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """In plain pytest, tell a question that failed (no such program, say) from a host that is not as it has to be."""
    try:
        return (yield)
    except AssertionError as error:
        # testinfra's check_output asserts the exit status; `verbund verify` tells these apart by itself.
        unanswered = str(error).startswith("Unexpected exit code ")
        if unanswered and item.config.pluginmanager.get_plugin("verbund-evaluation") is None:
            raise RuntimeError(f"not evaluated: a command of the check failed: {error}") from error
        raise


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
