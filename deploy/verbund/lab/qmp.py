# SPDX-License-Identifier: EUPL-1.2
"""The part of QEMU's machine protocol (QMP) that the lab needs: commands, and jobs waited for."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from verbund.errors import UnreachableError, VerbundError


class Qmp:
    """A connection to a running QEMU; use as a context manager.

    Args:
        path: the control socket. Its path may be longer than the 107 bytes a socket address can hold.
        timeout: seconds to wait for any one answer.

    Raises:
        UnreachableError: nobody answers there.
    """

    def __init__(self, path: Path, timeout: float = 120.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                self._socket.connect(f"/proc/self/fd/{directory}/{path.name}")
            finally:
                os.close(directory)
            self._stream = self._socket.makefile("rwb")
            self._read()
            self.run("qmp_capabilities")
        except (OSError, ValueError) as error:
            self._socket.close()
            raise UnreachableError(f"the virtual machine at {path} does not answer: {error}") from error

    def __enter__(self) -> Qmp:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def run(self, command: str, **arguments: Any) -> Any:
        """Run a command and return its answer.

        Raises:
            VerbundError: QEMU refuses it, or goes away.
        """
        message = {"execute": command, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        try:
            self._stream.write(json.dumps(message).encode() + b"\n")
            self._stream.flush()
            while True:
                answer = self._read()
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise VerbundError(f"the virtual machine refuses {command}: {answer['error'].get('desc')}")
        except (OSError, ValueError) as error:
            raise VerbundError(f"the virtual machine did not answer {command}: {error}") from error

    def job(self, command: str, seconds: float = 300.0, **arguments: Any) -> None:
        """Run a command that works in the background, and wait for its end.

        Raises:
            VerbundError: it fails or takes longer than that.
        """
        name = f"verbund-{time.monotonic_ns()}"
        self.run(command, job_id=name, **arguments)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [job for job in self.run("query-jobs") if job["id"] == name]
            if not found or found[0]["status"] == "concluded":
                if found:
                    self.run("job-dismiss", id=name)
                if found and found[0].get("error"):
                    raise VerbundError(f"{command} failed: {found[0]['error']}")
                return
            time.sleep(0.1)
        raise VerbundError(f"{command} is not done after {seconds:.0f} s")

    def _read(self) -> dict[str, Any]:
        line = self._stream.readline()
        if not line:
            raise ConnectionResetError("the connection was closed")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("the answer is not an object")  # noqa: TRY004 - like json's own
        return answer
