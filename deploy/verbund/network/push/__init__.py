# SPDX-License-Identifier: EUPL-1.2
"""Bring configurations onto switches without ever cutting the branch one sits on; see docs/network-push.md.

``terminal`` logs in and types, ``ways`` is how each system takes a change back by itself, ``engine`` does one device
from backup to saved, ``campaign`` does many in the right order and remembers how far it came, ``store`` keeps backups
and what a killed run leaves behind, ``secrets`` resolves names of secrets, ``endpoints`` says where a device is.
"""
