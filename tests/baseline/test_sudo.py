# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role sudo, on the merged policy of all its files."""

import json

import pytest

POLICY = "cvtsudoers -f json /etc/sudoers"


def policy(host):
    return json.loads(host.check_output(POLICY))


def options(host, name):
    """The last value of an option for everybody, and all values bound to a user, host or command."""
    general, bound = None, []
    for entry in policy(host).get("Defaults", []):
        for option in entry["Options"]:
            if name in option:
                if "Binding" in entry:
                    bound.append(option[name])
                else:
                    general = option[name]
    return general, bound


def rules(host):
    """Each rule as (who, its options, its commands)."""
    for spec in policy(host).get("User_Specs", []):
        who = [next(iter(user.values())) for user in spec["User_List"]]
        for rule in spec["Cmnd_Specs"]:
            given = {}
            for option in rule.get("Options", []):
                given.update(option)
            yield who, given, [str(next(iter(command.values()))) for command in rule["Commands"]]


@pytest.mark.control("VB-SUD-001")
def test_commands_get_their_own_terminal(host):
    """A command cannot type into the terminal of the person who started it."""
    general, bound = options(host, "use_pty")
    assert general is True, "sudo runs commands in the terminal of the caller (use_pty is off)"
    assert False not in bound, "use_pty is switched off for some users, hosts or commands"


@pytest.mark.control("VB-SUD-002")
def test_every_use_is_logged(host, settings):
    """Allowed and refused commands reach the system log and a file of their own, for everybody."""
    effective = host.check_output("sudo -V")
    facility = "Syslog facility if syslog is being used for logging: authpriv"
    assert facility in effective, "sudo does not log to the facility authpriv"
    wanted = settings["sudo_log_file"]
    assert f"Path to log file: {wanted}" in effective.splitlines(), f"sudo does not log to {wanted}"
    for name in ("syslog", "logfile", "log_allowed", "log_denied"):
        general, bound = options(host, name)
        assert general is not False, f"sudo logs nothing: {name} is off"
        assert False not in bound, f"{name} is switched off for some users, hosts or commands"
    silent = [" ".join(who) for who, given, _ in rules(host) if given.get("log_allowed") is False]
    assert not silent, f"rules that are not logged: {', '.join(silent)}"


@pytest.mark.control("VB-SUD-003")
def test_confirmation_expires(host, settings):
    """A password counts for minutes and for one terminal."""
    limit = settings["sudo_timestamp_minutes"]
    general, bound = options(host, "timestamp_timeout")
    values = [15 if general is None else general, *bound]
    too_long = [value for value in values if not 0 <= float(value) <= limit]
    assert not too_long, (
        f"sudo asks again only after {too_long[0]} minutes (negative: never), at most {limit} are declared"
    )
    general, bound = options(host, "timestamp_type")
    kinds = {general or "tty", *bound}
    assert kinds <= {"tty", "ppid"}, (
        f"a password counts beyond the terminal it was typed in: {', '.join(sorted(kinds))}"
    )


@pytest.mark.control("VB-SUD-004")
def test_environment_is_clean(host, settings):
    """Variables of the caller do not decide what a command of root loads or where it is found."""
    general, bound = options(host, "env_reset")
    assert general is True, "sudo passes the environment of the caller on (env_reset is off)"
    assert False not in bound, "env_reset is switched off for some users, hosts or commands"
    general, bound = options(host, "secure_path")
    wrong = [path for path in (general, *bound) if path != settings["sudo_secure_path"]]
    assert not wrong, f"sudo looks for commands in '{wrong[0]}', declared is '{settings['sudo_secure_path']}'"
    kept = [entry for entry in host.check_output("sudo -V").partition("preserve:")[2].split() if is_dangerous(entry)]
    assert not kept, f"sudo keeps variables that change what a program loads: {', '.join(kept)}"


def is_dangerous(name):
    return name.startswith(("LD_", "PERL", "PYTHON", "BASH", "RUBY")) or name in {"ENV", "IFS", "SHELLOPTS", "*"}


@pytest.mark.control("VB-SUD-005")
def test_only_automation_needs_no_password(host, settings):
    """No person becomes root without proving who they are."""
    allowed = set(settings["sudo_nopasswd_accounts"])
    free = sorted(
        {
            name
            for who, given, _ in rules(host)
            if given.get("authenticate") is False
            for name in who
            if name not in allowed
        }
    )
    assert not free, f"sudo without a password is open to: {', '.join(free)}"
    general, bound = options(host, "authenticate")
    assert general is not False, "sudo asks nobody for a password (!authenticate)"
    assert False not in bound, "sudo asks some users for no password (!authenticate)"


@pytest.mark.control("VB-SUD-006")
def test_own_password_is_asked(host):
    """No shared password is needed, and none is shown while it is typed."""
    for name in ("rootpw", "targetpw", "runaspw", "visiblepw"):
        general, bound = options(host, name)
        assert True not in [general, *bound], f"sudo has {name} switched on"


@pytest.mark.control("VB-SUD-007")
def test_rules_are_valid_and_protected(host):
    """All files parse, belong to root, and nobody else can write to or replace them."""
    result = host.run("visudo -c")
    assert result.rc == 0, f"visudo finds faults: {' '.join((result.stdout + result.stderr).split())[:300]}"
    files = host.check_output("find /etc/sudoers /etc/sudoers.d -perm /022 -o ! -user root -o -type f -perm /007")
    assert not files.strip(), f"others can read or change: {', '.join(files.split())}"


@pytest.mark.control("VB-SUD-008")
def test_named_programs_are_protected(host):
    """Who can replace a program of a rule, or the directory it is in, has the rights of the rule."""
    listed = host.check_output(
        'cvtsudoers -f json /etc/sudoers | sed -n \'s/.*"command": "\\(\\/[^" ]*\\).*/\\1/p\' | sort -u | '
        'while IFS= read -r path; do [ -d "$path" ] || path="$path ${path%/*}"; '
        'stat -L -c "%a %u %n" $path 2> /dev/null; done; :'
    )
    wrong = sorted({line for line in listed.splitlines() if int(line.split()[0], 8) & 0o022 or line.split()[1] != "0"})
    assert not wrong, f"run by rules of sudo and open to others (mode uid path): {'; '.join(wrong[:5])}"


@pytest.mark.control("VB-SUD-009")
def test_prompt_gives_up(host, settings):
    """A question for a password ends, so nobody else answers it later, and guessing takes long."""
    general, bound = options(host, "passwd_tries")
    values = [3 if general is None else general, *bound]
    tries = max(int(value) for value in values)
    assert tries <= 3, f"sudo accepts {tries} attempts"
    general, bound = options(host, "passwd_timeout")
    limit = settings["sudo_prompt_minutes"]
    values = [5 if general is None else general, *bound]
    long = [value for value in values if value is False or not 0 < float(value) <= limit]
    assert not long, f"sudo waits {long[0]} minutes for a password (0: for ever), declared are {limit}"
