# SPDX-License-Identifier: EUPL-1.2
"""``python -m verbund`` is the command ``verbund``."""

from verbund.cli import main

main()
