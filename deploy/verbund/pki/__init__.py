# SPDX-License-Identifier: EUPL-1.2
"""Keys and certificates of a tenant: SSH CAs and the TLS CA."""
