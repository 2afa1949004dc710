# SPDX-License-Identifier: EUPL-1.2
"""Reports people read: a static site, JUnit and CSV."""
