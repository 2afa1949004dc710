# SPDX-License-Identifier: EUPL-1.2
"""Apply the standard in waves, and keep a record of it."""
