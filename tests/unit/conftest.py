# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import signal

# What runs in the background (a job of CI, or under nohup) may have been started deaf to Ctrl-C or to the end of its
# terminal, and so would be what tests start.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
