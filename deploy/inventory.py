# SPDX-License-Identifier: EUPL-1.2
"""Inventory for pyinfra, from the intent: ``pyinfra deploy/inventory.py deploy/facts.py``.

Groups are the same as Ansible's. ``VERBUND_LIMIT`` selects hosts (``tenant:erkrath``,
``site:grundschule&class:client``, names, globs), ``VERBUND_TENANTS`` (separated by commas) loads only some tenants.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pyinfra_cli.exceptions import CliError

from verbund import intent as _intent
from verbund.errors import VerbundError
from verbund.inventory.pyinfra_ssh import groups, project

try:
    _project = project()
    _tenants = [name for name in os.environ.get("VERBUND_TENANTS", "").split(",") if name]
    _loaded = _intent.load(_project.inventory, _tenants or None)
    globals().update(groups(_loaded, _project.state, os.environ.get("VERBUND_LIMIT")))
except VerbundError as error:
    _plain = CliError(str(error))
    _plain.exit_code = int(error.exit_code)
    raise _plain from None
