# SPDX-License-Identifier: EUPL-1.2
"""The key that seals evidence: whoever changes a stored bundle and renews its hash still cannot sign it.

ECDSA over P-384 with SHA-384 (BSI TR-02102-1, 2026-01). The public half lies beside the private one; an auditor who has
it can check bundles that were handed over.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from verbund.errors import UsageError
from verbund.files import private_directory, write_atomically

_ALGORITHM = ec.ECDSA(hashes.SHA384())


@dataclass(frozen=True, slots=True)
class EvidenceKey:
    """The key pair of one controller. Made and found with :meth:`ensure`."""

    _private: ec.EllipticCurvePrivateKey

    @classmethod
    def ensure(cls, directory: Path) -> EvidenceKey:
        """Find the key, making it if there is none.

        Args:
            directory: where keys are kept, ``.verbund/keys``; gets ``evidence.key`` (0600) and ``evidence.pub``.

        Raises:
            UsageError: the key cannot be read or kept there, or it is damaged.
        """
        path = directory / "evidence.key"
        try:
            if not path.is_file():
                private_directory(directory)
                made = ec.generate_private_key(ec.SECP384R1())
                write_atomically(
                    path,
                    made.private_bytes(
                        serialization.Encoding.PEM,
                        serialization.PrivateFormat.PKCS8,
                        serialization.NoEncryption(),
                    ),
                )
            private = serialization.load_pem_private_key(path.read_bytes(), None)
            public = path.with_suffix(".pub")
            if isinstance(private, ec.EllipticCurvePrivateKey) and not public.is_file():
                write_atomically(
                    public,
                    private.public_key().public_bytes(
                        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
                    ),
                )
        except (OSError, ValueError) as error:
            raise _unusable(path, str(error)) from error
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise _unusable(path, "it is no key for ECDSA")
        return cls(private)

    def sign(self, text: str) -> str:
        """The signature of a text, base64."""
        return base64.b64encode(self._private.sign(text.encode(), _ALGORITHM)).decode()

    def signed(self, text: str, signature: str) -> bool:
        """Whether a signature is one of this key for a text."""
        try:
            self._private.public_key().verify(base64.b64decode(signature, validate=True), text.encode(), _ALGORITHM)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path}: the key that seals evidence cannot be used: {why}",
        "put the right file back, or remove it; evidence that it sealed is then refused",
    )
