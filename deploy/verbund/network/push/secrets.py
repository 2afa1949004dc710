# SPDX-License-Identifier: EUPL-1.2
"""From the names of secrets to the secrets: from the environment, from a private file, or from an encrypted one.

Secrets never stand in arguments of commands; an encrypted file is opened by ``ansible-vault``, which asks for its
password or takes it from where ``ANSIBLE_VAULT_PASSWORD_FILE`` says.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from verbund.errors import UsageError
from verbund.network.redact import MASK

_VAULT = b"$ANSIBLE_VAULT;"


class Secrets:
    """Gives the secret of a name, and remembers what it gave so that no message shows it.

    Args:
        file: YAML, names and their secrets; plain and readable only by its owner, or encrypted by ansible-vault.
        environment: default that of the process; ``switch/a/b`` is ``VERBUND_SECRET_SWITCH_A_B``.

    Raises:
        UsageError: the file cannot be read, or others may read it.
    """

    def __init__(self, file: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.file = file
        self._environment = os.environ if environment is None else environment
        self._values = _read(file) if file is not None else {}
        self._given: set[str] = set()

    def __call__(self, name: str) -> str:
        """The secret of a name.

        Raises:
            UsageError: nobody knows it.
        """
        variable = "VERBUND_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        value = self._environment.get(variable) or self._values.get(name)
        if not value:
            raise UsageError(
                f"there is no secret '{name}'", f"set {variable}, or write it to {self.file or 'a file for --secrets'}"
            )
        self._given.add(value)
        return value

    def scrub(self, text: str) -> str:
        """Text without any secret that was given out."""
        for value in sorted(self._given, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text


def _read(file: Path) -> dict[str, str]:
    try:
        content = file.read_bytes()
        mode = file.stat().st_mode
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}", "name a file with secrets") from None
    if content.startswith(_VAULT):
        try:
            opened = subprocess.run(["ansible-vault", "view", str(file)], check=False, capture_output=True)
        except OSError as error:
            why = f"ansible-vault cannot be started: {error.strerror}"
            raise UsageError(why, "it comes with ansible-core") from None
        if opened.returncode:
            raise UsageError(f"{file}: ansible-vault cannot open it", "set ANSIBLE_VAULT_PASSWORD_FILE")
        content = opened.stdout
    elif mode & 0o077:
        raise UsageError(f"{file}: others may read these secrets", f"chmod 600 {file}, or use ansible-vault encrypt")
    try:
        document: Any = yaml.safe_load(content)
    except yaml.YAMLError:
        raise UsageError(f"{file}: is no YAML", "write lines such as: switch/erkrath/notfall: 'secret'") from None
    if not isinstance(document, dict) or not all(isinstance(one, str) for pair in document.items() for one in pair):
        raise UsageError(f"{file}: must map names to secrets, both text", "put secrets into quotes")
    return document
