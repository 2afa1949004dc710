# SPDX-License-Identifier: EUPL-1.2
# Exit 0 when the lines of every Verbund profile stand in the PAM stack they belong to. POSIX sh, run by the role.
cd /usr/share/pam-configs || exit 1
stack_has() {
  while IFS= read -r line; do
    # Tabs and runs of blanks mean the same to PAM.
    pattern=$(printf '%s\n' "$line" | tr -s '\t ' ' ' | sed 's/^ //; s/ $//')
    tr -s '\t ' ' ' < "/etc/pam.d/$1" | grep -qF -- "$pattern" || { echo "/etc/pam.d/$1 lacks: $pattern"; exit 1; }
  done
}
sed -n 's/^\t\(.*pam_faillock.so.*\)/\1/p' verbund-lockout-before verbund-lockout-after verbund-lockout-success | stack_has common-auth || exit 1
sed -n 's/^\t\(.*use_authtok.*\)/\1/p' verbund-history | stack_has common-password || exit 1
sed -n 's/^\t\(.*pam_umask.so.*\)/\1/p' verbund-umask | stack_has common-session || exit 1
sed -n 's/^\t\(.*pam_umask.so.*\)/\1/p' verbund-umask | stack_has common-session-noninteractive || exit 1
grep -q 'pam_unix.so.*yescrypt' /etc/pam.d/common-password || { echo "/etc/pam.d/common-password does not hash with yescrypt"; exit 1; }
grep -q pam_tmpdir.so /etc/pam.d/common-session
