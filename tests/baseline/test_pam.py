# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role pam. PAM has no daemon: the stacks in /etc/pam.d are what the next login works with."""

import re

import pytest

STACK = "cat /etc/pam.d/common-{}"
# Modules that ask for a proof of identity and may therefore end the question.
PROOFS = {
    "pam_unix.so",
    "pam_sss.so",
    "pam_ldap.so",
    "pam_krb5.so",
    "pam_winbind.so",
    "pam_systemd_home.so",
    "pam_u2f.so",
    "pam_fprintd.so",
}
PERMITTED = (
    r"grep -rE '^-?auth[[:space:]]+(sufficient|\[[^]]*success=(done|[1-9])[^]]*\])[[:space:]]+pam_permit' /etc/pam.d"
)


def stack(host, name, kind):
    """The lines of one stack in order, as (control, module, arguments)."""
    found = []
    for line in host.check_output(STACK.format(name)).splitlines():
        match = re.match(rf"-?{kind}\s+(\[[^]]*\]|\S+)\s+(\S+)\s*(.*)$", line)
        if match:
            found.append((match[1], match[2], match[3].split()))
    return found


def arguments(words):
    return dict(word.partition("=")[::2] for word in words)


def quality(host):
    """The settings of pwquality, all files and arguments merged; nothing where it is not asked."""
    lines = [words for _, module, words in stack(host, "password", "password") if module == "pam_pwquality.so"]
    if not lines:
        return {}
    # pwquality.conf(5): the drop-ins in order, then the main file; arguments in the stack win over both.
    text = host.check_output("cat /etc/security/pwquality.conf.d/*.conf /etc/security/pwquality.conf")
    values = {key: value.strip() for key, value in re.findall(r"^[ \t]*(\w+)[ \t]*=?([^#\n]*)", text, re.MULTILINE)}
    values.update(arguments(lines[0]))
    return values


@pytest.mark.control("VB-PAM-001")
def test_new_passwords_have_to_be_strong(host, settings):
    """pwquality is asked, and its settings, all files and arguments merged, are at least the declared ones."""
    values = quality(host)
    assert values, "pam_pwquality is not asked when a password is changed"
    length, classes = int(values.get("minlen", "8")), int(values.get("minclass", "0"))
    assert length >= settings["pam_password_min_length"], f"passwords of {length} characters are accepted"
    assert classes >= settings["pam_password_min_classes"], f"passwords with {classes} kinds of characters are accepted"
    credits_ = [key for key in ("dcredit", "ucredit", "lcredit", "ocredit") if int(values.get(key, "0")) > 0]
    assert not credits_, f"{', '.join(credits_)} make short passwords count as long"
    for key in ("enforcing", "dictcheck", "usercheck"):
        assert values.get(key, "1") != "0", f"pwquality: {key} is off"
    words = host.run("find /var/cache/cracklib -name cracklib_dict.pwd -size +0")
    assert words.stdout.strip(), "the word list of cracklib is missing, so no password can be changed at all"
    assert "enforce_for_root" in values, "root may set weak passwords for others"


# Services that go on behind common-auth, which may end them.
CONTINUED = (
    'awk \'FNR == 1 {seen = 0} $1 == "@include" && $2 == "common-auth" {seen = 1} '
    'seen && ($1 == "auth" || $1 == "-auth") {print FILENAME; seen = 0}\' /etc/pam.d/*'
)


@pytest.mark.control("VB-PAM-002")
def test_wrong_passwords_lock_the_account(host, settings):
    """The counter is asked before, raised after and cleared behind the password, with the declared limits."""
    auth = stack(host, "auth", "auth")
    modules = [module for _, module, _ in auth]
    phases = {words[0]: index for index, (_, module, words) in enumerate(auth) if module == "pam_faillock.so"}
    missing = {"preauth", "authfail", "authsucc"} - set(phases)
    assert not missing, f"the lockout is incomplete, missing in the login stack: {', '.join(sorted(missing))}"
    assert "pam_unix.so" in modules, "the login stack asks for no password"
    unix = modules.index("pam_unix.so")
    deny = modules.index("pam_deny.so")
    ordered = phases["preauth"] < unix < phases["authfail"] < deny < phases["authsucc"]
    assert ordered, "the parts of the lockout stand in the wrong order"
    bypass = [
        f"{module} ({control})"
        for control, module, _ in auth[:deny]
        if module not in PROOFS and ("sufficient" in control or re.search(r"success=(done|[1-9])", control))
    ]
    assert not bypass, f"the login stack lets in without a proof: {', '.join(bypass)}"
    free = host.run(PERMITTED)
    assert free.rc in {0, 1}, f"the stacks cannot be read: {free.stderr}"
    assert free.rc == 1, f"services that let everybody in: {'; '.join(free.stdout.splitlines()[:5])}"
    controls = (auth[phases["preauth"]][0], auth[phases["authfail"]][0])
    assert controls[0] in {"required", "requisite"}, f"the lockout does not end the login: {controls}"
    assert controls[1] == "[default=die]", f"the lockout does not end the login: {controls}"
    cut = host.check_output(CONTINUED).split()
    assert not cut, f"a right password ends what else these services ask for: {', '.join(cut)}"
    for phase, index in phases.items():
        given = arguments(auth[index][2])
        attempts, seconds = int(given.get("deny", "3")), int(given.get("unlock_time", "600"))
        interval = int(given.get("fail_interval", "900"))
        assert 0 < attempts <= settings["pam_lockout_attempts"], f"{phase}: {attempts} wrong passwords are allowed"
        assert interval >= settings["pam_lockout_interval"], f"{phase}: attempts count for {interval} seconds only"
        assert seconds == 0 or seconds >= settings["pam_lockout_seconds"], (
            f"{phase}: the lock lasts {seconds} seconds only"
        )


@pytest.mark.control("VB-PAM-003")
def test_passwords_are_stored_with_yescrypt(host):
    """New passwords are hashed with yescrypt, and no older hash is left."""
    lines = [words for _, module, words in stack(host, "password", "password") if module == "pam_unix.so"]
    assert lines, "pam_unix does not store passwords"
    assert all("yescrypt" in words for words in lines), "new passwords are not hashed with yescrypt"
    # Only the kind of the hash leaves the host, never the hash.
    kinds = host.check_output(
        'getent -s files shadow | awk -F: \'$2 ~ /^[$]/ {split($2, part, "$"); print $1, part[2]} '
        '$2 !~ /^[$!*]/ && $2 != "" {print $1, "des"}\''
    )
    old = [line for line in kinds.splitlines() if line.split()[1] not in {"y", "gy"}]
    assert not old, f"passwords with an old kind of hash (account kind): {'; '.join(old)}"


@pytest.mark.control("VB-PAM-004")
def test_old_passwords_are_refused(host, settings):
    """The history is asked before a new password is stored."""
    lines = stack(host, "password", "password")
    modules = [module for _, module, _ in lines]
    assert "pam_pwhistory.so" in modules, "former passwords are accepted again (no pam_pwhistory)"
    index = modules.index("pam_pwhistory.so")
    assert index < modules.index("pam_unix.so"), "former passwords are compared only after the new one is stored"
    assert lines[index][0] in {"requisite", "required"}, "a reused password is not refused"
    assert "enforce_for_root" in lines[index][2], "root may give former passwords to others again"
    remembered = int(arguments(lines[index][2]).get("remember", "10"))
    assert remembered >= settings["pam_password_history"], f"only {remembered} former passwords are remembered"


@pytest.mark.control("VB-PAM-005")
def test_new_files_are_private(host, settings):
    """The last umask that a session gets, with and without a terminal, is the declared one."""
    for name in ("session", "session-noninteractive"):
        masks = [words for _, module, words in stack(host, name, "session") if module == "pam_umask.so"]
        given = arguments(masks[-1]) if masks else {}
        mask = given.get("umask")
        assert mask, f"common-{name} sets no umask of its own"
        wanted = int(settings["pam_umask"], 8)
        assert int(mask, 8) & wanted == wanted, f"common-{name} sets umask {mask}, declared is {settings['pam_umask']}"
        assert "nousergroups" in given, f"common-{name} widens the umask for groups named like the account"


@pytest.mark.control("VB-PAM-006")
def test_temporary_files_are_private(host):
    """pam_tmpdir gives every session a TMPDIR of its own."""
    for name in ("session", "session-noninteractive"):
        modules = [module for _, module, _ in stack(host, name, "session")]
        assert "pam_tmpdir.so" in modules, f"common-{name} gives no temporary directory per person"
    module = host.run("find /usr/lib /lib -name pam_tmpdir.so")
    assert module.stdout.strip(), "the module pam_tmpdir is named in the stacks but not installed"


@pytest.mark.control("VB-PAM-007")
def test_empty_passwords_are_refused(host):
    """No service lets an account without a password in, whoever deletes a password later."""
    found = host.run(r"grep -HE '^[^#]*pam_unix\.so[^#]*[[:space:]]nullok' /etc/pam.d/*")
    assert found.rc in {0, 1}, f"the stacks cannot be read: {found.stderr}"
    services = sorted({line.partition(":")[0] for line in found.stdout.splitlines()})
    assert found.rc == 1, f"empty passwords are accepted (nullok) in {', '.join(services)}"


@pytest.mark.control("VB-PAM-008")
def test_repetitions_and_sequences_are_refused(host, settings):
    """What people type to satisfy a rule about length adds nothing to a password."""
    values = quality(host)
    for key, limit in (
        ("maxrepeat", settings["pam_password_max_repeat"]),
        ("maxsequence", settings["pam_password_max_sequence"]),
    ):
        given = int(values.get(key, "0"))
        assert 0 < given <= limit, f"pwquality: {key} is {given} (0: any), at most {limit} is declared"
    changed = int(values.get("difok", "1"))
    assert changed >= 3, f"pwquality: a new password needs only {changed} new characters"


@pytest.mark.control("VB-PAM-009")
def test_su_is_for_the_declared_group(host, settings):
    """Whoever is not in the declared group is refused before any password is asked."""
    text = host.check_output("cat /etc/pam.d/su")
    kinds = {"auth", "-auth", "@include"}
    order = [words[1:] for words in map(str.split, text.splitlines()) if words and words[0] in kinds]
    first = next((i for i, words in enumerate(order) if words[0] in {"common-auth", "include", "substack"}), len(order))
    guards = [
        words
        for words in order[:first]
        if words[0] in {"required", "requisite"} and words[1:2] == ["pam_wheel.so"] and "deny" not in words
    ]
    assert guards, "everybody may try to change the account by su (no pam_wheel)"
    assert "use_uid" in guards[0], "pam_wheel asks who logged in and not who runs su"
    group = arguments(guards[0][2:]).get("group")
    wanted = settings["pam_su_group"]
    assert group == wanted, f"su is open to the group {group or 'wheel'}, declared is {wanted}"
    members = host.run("getent -s files group %s", wanted).stdout.strip().split(":")
    assert len(members) == 4, f"the group {wanted} of su is missing"
    assert wanted != "sugroup" or not members[3], f"the group sugroup is to be empty, but has {members[3]}"
    ahead = order[: order.index(guards[0])]
    early = [words[1] for words in ahead if "sufficient" in words[0] or "success=" in words[0]]
    assert set(early) <= {"pam_rootok.so"}, f"su lets in before it asks for the group: {', '.join(early)}"
