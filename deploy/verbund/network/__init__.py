# SPDX-License-Identifier: EUPL-1.2
"""Switches: from the intent to the lines of a device, and the proof that nothing is cut off on the way."""
