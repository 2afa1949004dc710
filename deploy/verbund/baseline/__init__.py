# SPDX-License-Identifier: EUPL-1.2
"""Controls, evidence, verdicts."""
