# SPDX-License-Identifier: EUPL-1.2
"""Controls, evidence, verdicts: what the standard demands of a host and how it is proven."""
