# SPDX-License-Identifier: EUPL-1.2
# Generates the PAM stacks anew from the profiles that exist. POSIX sh, run by the role, also after an undo.
# Arguments: EXCEPTED_CONTROLS (words in one argument), the group that may run su
excepts() { case " $excepted " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
excepted=$1 group=$2
cd /usr/share/pam-configs || exit 1
# Lines that somebody took out under a deviation.
gone=
while read -r control stack module; do
  ! excepts "$control" || grep -q "^[^#]*$module" "/etc/pam.d/$stack" || gone="$gone $stack:$module"
done << LIST
VB-PAM-001 common-password pam_pwquality
VB-PAM-004 common-password pam_pwhistory
VB-PAM-005 common-session pam_umask
VB-PAM-005 common-session-noninteractive pam_umask
VB-PAM-006 common-session pam_tmpdir
VB-PAM-006 common-session-noninteractive pam_tmpdir
LIST
case $excepted in
  *VB-PAM-00[1-7]*)
    # A deviation: what somebody changed in a stack stays. pam-auth-update knows it by comparing with its last own output.
    pam-auth-update --package || exit 1
    ;;
  *)
    # It keeps such changes even with --force (seen: an md5 written behind pam_unix stayed). Without its last output there
    # is nothing to compare, and --force writes the stacks as declared.
    rm -f /var/lib/pam/account /var/lib/pam/auth /var/lib/pam/password /var/lib/pam/session \
      /var/lib/pam/session-noninteractive
    pam-auth-update --force --package || exit 1
    ;;
esac
# Also when somebody switched a profile off.
set -- unix
excepts VB-PAM-001 || set -- "$@" pwquality
excepts VB-PAM-006 || set -- "$@" tmpdir
for name in verbund-*; do
  case $name in
    verbund-lockout-*) control=VB-PAM-002 ;;
    verbund-history) control=VB-PAM-004 ;;
    *) control=VB-PAM-005 ;;
  esac
  [ ! -e "$name" ] || excepts "$control" || set -- "$@" "$name"
done
pam-auth-update --enable "$@" || exit 1
for pair in $gone; do
  sed -i "/${pair#*:}/d" "/etc/pam.d/${pair%%:*}" || exit 1
done

# Services that ask for more behind common-auth (keyrings of desktops). "sufficient" would end them too, so they take it as a
# substack, which it ends alone (pam.conf(5)).
continued() {
  awk 'FNR == 1 {seen = 0}
    $1 == "@include" && $2 == "common-auth" {seen = 1}
    seen && ($1 == "auth" || $1 == "-auth") {print FILENAME; seen = 0}' /etc/pam.d/*
}
if ! excepts VB-PAM-002; then
  for file in $(continued); do
    sed -i 's/^@include[[:space:]]\{1,\}common-auth[[:space:]]*$/auth substack common-auth/' "$file" || exit 1
  done
fi

# The rest has no profiles. pam-auth-update keeps an argument that was taken out.
if ! excepts VB-PAM-007; then
  sed -i '/^[^#]*pam_unix\.so/s/[[:space:]]nullok\(_secure\)\{0,1\}//' $(grep -lE '^[^#]*pam_unix\.so.*nullok' /etc/pam.d/*) \
    /etc/pam.d/common-auth || exit 1
fi
# su(1) knows no drop-ins. The rule stands behind pam_rootok: root itself is not asked.
if ! excepts VB-PAM-009; then
  getent -s files group "$group" > /dev/null || groupadd --system "$group" || exit 1
  [ "$group" != sugroup ] || [ -z "$(getent -s files group sugroup | cut -d: -f4)" ] ||
    gpasswd --members '' sugroup || exit 1
  # The copies of the hashes are new now (role accounts).
  [ ! -e /etc/tmpfiles.d/verbund-accounts.conf ] || systemd-tmpfiles --create /etc/tmpfiles.d/verbund-accounts.conf
  sed -i -e '/^auth.*pam_wheel\.so/d' \
    -e "/^auth[[:space:]]*sufficient[[:space:]]*pam_rootok\.so/a auth required pam_wheel.so use_uid group=$group" \
    /etc/pam.d/su || exit 1
fi
# pwquality.conf(5): the main file is read after all drop-ins, and scanners read it alone. It says the same, once.
own_lines() {
  excepts VB-PAM-001 || grep '^[a-z]' /etc/security/pwquality.conf.d/zz-verbund-strength.conf
  excepts VB-PAM-008 || grep '^[a-z]' /etc/security/pwquality.conf.d/zz-verbund-patterns.conf
}
own_lines 2> /dev/null | while IFS= read -r line; do
  sed -i -E "/^[[:space:]]*${line%% *}([[:space:]=]|\$)/d" /etc/security/pwquality.conf &&
    printf '%s\n' "$line" >> /etc/security/pwquality.conf || exit 1
done
