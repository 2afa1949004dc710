# SPDX-License-Identifier: EUPL-1.2
"""JSON Schemas of the intent files, for editors and other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic.json_schema import GenerateJsonSchema

from verbund.intent.model import Deviations, Procedure, Provider, Site, Tenant

if TYPE_CHECKING:
    from pydantic import BaseModel

Kind = Literal["site", "tenant", "provider", "procedure", "deviations"]

KINDS: dict[str, type[BaseModel]] = {
    "site": Site,
    "tenant": Tenant,
    "provider": Provider,
    "procedure": Procedure,
    "deviations": Deviations,
}


def schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of file.

    Args:
        kind: which file.
    """
    document = KINDS[kind].model_json_schema(by_alias=True)
    return {"$schema": GenerateJsonSchema.schema_dialect, **document}
