# SPDX-License-Identifier: EUPL-1.2
"""Inventories for Ansible and pyinfra, compiled from the intent."""
