# SPDX-License-Identifier: EUPL-1.2
"""The intent: what a town has, and what follows from it."""
