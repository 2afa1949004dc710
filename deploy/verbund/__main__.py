# SPDX-License-Identifier: EUPL-1.2
"""``python -m verbund`` is the command ``verbund``."""

import signal


def main() -> None:
    """Load the command line and run it.

    Loading takes half a second in which nothing is begun: Ctrl-C then ends the program like any other, without a
    traceback of the loading.
    """
    quiet = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if quiet:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from verbund.cli import main as run  # noqa: PLC0415 - after the signal is taken care of

    if quiet:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
