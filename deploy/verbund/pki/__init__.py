# SPDX-License-Identifier: EUPL-1.2
"""The keys of a tenant: who may log in, which host is which, and who speaks TLS."""

from __future__ import annotations

from verbund.pki.keys import TenantKeys, generate_ssh_key
from verbund.pki.known_hosts import KnownHost, render_known_hosts
from verbund.pki.tls import TlsCertificate

__all__ = ["KnownHost", "TenantKeys", "TlsCertificate", "generate_ssh_key", "render_known_hosts"]
