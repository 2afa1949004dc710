# SPDX-License-Identifier: EUPL-1.2
"""The intent: what a town has, in one short file per site, checked and compiled.

Files below ``inventory/`` are read strictly (:mod:`yaml_source`), validated (:mod:`model`), placed in the address plan
(:mod:`addresses`), compared with each other (:mod:`load`), and turned into hosts with variables (:mod:`compile`).
"""

from __future__ import annotations

from verbund.intent.compile import CompiledSite, Intent, NamedFlow
from verbund.intent.load import device_types, load, parts_of, standard
from verbund.intent.model import Deviation, Device, Host, Layer, Procedure, Provider, Site, Standard, Tenant

__all__ = [
    "CompiledSite",
    "Deviation",
    "Device",
    "Host",
    "Intent",
    "Layer",
    "NamedFlow",
    "Procedure",
    "Provider",
    "Site",
    "Standard",
    "Tenant",
    "device_types",
    "load",
    "parts_of",
    "standard",
]
