# SPDX-License-Identifier: EUPL-1.2
# Exit 0 when the lines of every Verbund profile stand in the PAM stack they belong to. POSIX sh, run by the role.
# Arguments: EXCEPTED_CONTROLS (words in one argument), the group that may run su; what serves only those is not looked at.
excepts() { case " $excepted " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
excepted=$1 group=$2
cd /usr/share/pam-configs || exit 1
stack_has() {
  while IFS= read -r line; do
    # Tabs and runs of blanks mean the same to PAM.
    pattern=$(printf '%s\n' "$line" | tr -s '\t ' ' ' | sed 's/^ //; s/ $//')
    tr -s '\t ' ' ' < "/etc/pam.d/$1" | grep -qF -- "$pattern" || { echo "/etc/pam.d/$1 lacks: $pattern"; exit 1; }
  done
}
excepts VB-PAM-002 ||
  sed -n 's/^\t\(.*pam_faillock.so .*\)/\1/p' verbund-lockout-before verbund-lockout-after verbund-lockout-success |
  stack_has common-auth || exit 1
# Services that ask for more behind common-auth (keyrings of desktops). "sufficient" would end them too, so they take it as a
# substack, which it ends alone (pam.conf(5)).
continued() {
  awk 'FNR == 1 {seen = 0}
    $1 == "@include" && $2 == "common-auth" {seen = 1}
    seen && ($1 == "auth" || $1 == "-auth") {print FILENAME; seen = 0}' /etc/pam.d/*
}
if ! excepts VB-PAM-002; then
  grep -qE '^account[[:space:]]+required[[:space:]]+pam_faillock\.so[[:space:]]*$' /etc/pam.d/common-account ||
    { echo "/etc/pam.d/common-account does not know pam_faillock"; exit 1; }
  [ -z "$(continued)" ] || { echo "common-auth would end the questions of: $(continued)"; exit 1; }
fi
excepts VB-PAM-004 || sed -n 's/^\t\(.*use_authtok.*\)/\1/p' verbund-history | stack_has common-password || exit 1
for stack in common-session common-session-noninteractive; do
  excepts VB-PAM-005 || sed -n 's/^\t\(.*pam_umask.so.*\)/\1/p' verbund-umask | stack_has "$stack" || exit 1
  excepts VB-PAM-006 || grep -q '^session.*pam_tmpdir\.so' "/etc/pam.d/$stack" ||
    { echo "/etc/pam.d/$stack gives no temporary directory per person"; exit 1; }
done
excepts VB-PAM-003 || grep -q '^password.*pam_unix\.so.*yescrypt' /etc/pam.d/common-password ||
  { echo "/etc/pam.d/common-password does not hash with yescrypt"; exit 1; }
excepts VB-PAM-001 || grep -q '^password.*pam_pwquality\.so' /etc/pam.d/common-password ||
  { echo "/etc/pam.d/common-password asks for no quality"; exit 1; }
excepts VB-PAM-007 || ! grep -lE '^[^#]*pam_unix\.so.*nullok' /etc/pam.d/* || exit 1
if ! excepts VB-PAM-009; then
  grep -qE "^auth[[:space:]]+required[[:space:]]+pam_wheel\.so use_uid group=$group\$" /etc/pam.d/su ||
    { echo "/etc/pam.d/su lets everybody try"; exit 1; }
  getent -s files group "$group" > /dev/null || { echo "the group $group is missing"; exit 1; }
  [ "$group" != sugroup ] || [ -z "$(getent -s files group sugroup | cut -d: -f4)" ] ||
    { echo "the group sugroup has members"; exit 1; }
fi
# pwquality.conf(5): the main file is read after all drop-ins, and scanners read it alone. It says the same, once.
own_lines() {
  excepts VB-PAM-001 || grep '^[a-z]' /etc/security/pwquality.conf.d/zz-verbund-strength.conf
  excepts VB-PAM-008 || grep '^[a-z]' /etc/security/pwquality.conf.d/zz-verbund-patterns.conf
}
own_lines 2> /dev/null | while IFS= read -r line; do
  key=${line%% *}
  found=$(grep -E "^[[:space:]]*$key([[:space:]=]|\$)" /etc/security/pwquality.conf)
  [ "$found" = "$line" ] || { echo "/etc/security/pwquality.conf says of $key: ${found:-nothing}"; exit 1; }
done
