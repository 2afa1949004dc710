# the account of this run can still log in
# Asks sshd itself how it would treat the account by which the controller is logged in. SUDO_USER is that account.
user=${SUDO_USER:-root}
answer=$(/usr/sbin/sshd -T -C "user=$user,host=localhost,addr=127.0.0.1" 2>/dev/null) || exit 1
value() { printf '%s\n' "$answer" | sed -n "s/^$1 //p"; }
fail() {
    echo "The account $user, by which this run is logged in, could not log in any more: $1"
    exit 1
}
if [ "$user" = root ] && [ "$(value permitrootlogin)" = no ]; then
    fail "root may not log in. Enrol the host first, then run as the automation account."
fi
[ "$(value pubkeyauthentication)" = yes ] || fail "public keys are not accepted."
groups=$(id -Gn "$user") || fail "it does not exist on this host."
allowed=$(value allowgroups)
if [ -n "$allowed" ]; then
    found=no
    set -f
    for group in $allowed; do
        for own in $groups; do
            # shellcheck disable=SC2254 # AllowGroups takes patterns
            case $own in $group) found=yes ;; esac
        done
    done
    [ "$found" = yes ] || fail "AllowGroups ($(echo $allowed)) names none of its groups ($groups)."
fi
