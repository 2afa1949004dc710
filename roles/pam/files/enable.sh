# SPDX-License-Identifier: EUPL-1.2
# Generates the PAM stacks anew from the profiles that exist. POSIX sh, run by the role, also after an undo.
# pam-auth-update keeps what somebody changed in a stack by comparing it with its last own output, even with --force (seen: an
# md5 written behind pam_unix stayed). Without that output there is nothing to compare, and --force writes the stacks as declared.
rm -f /var/lib/pam/account /var/lib/pam/auth /var/lib/pam/password /var/lib/pam/session /var/lib/pam/session-noninteractive
pam-auth-update --force --package || exit 1
cd /usr/share/pam-configs || exit 1
set -- verbund-*
# Also when somebody switched a profile off.
[ ! -e "$1" ] || pam-auth-update --enable pwquality tmpdir unix "$@"
