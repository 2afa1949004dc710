# SPDX-License-Identifier: EUPL-1.2
"""Checks of the role logging: journal, forwarding over TLS, reception, protection."""

import re

import pytest

JOURNALD = "systemd-analyze cat-config systemd/journald.conf"
RSYSLOG = "cat /etc/rsyslog.conf /etc/rsyslog.d/*.conf"
LISTENERS = "ss -Hlntup"
# What the running journald writes to, which its files do not say.
OPEN_JOURNALS = "find /proc/$(systemctl show -P MainPID systemd-journald.service)/fd -lname '/var/log/journal/*'"
# The files that changed after rsyslog was started.
STALE = (
    "find /etc/rsyslog.conf /etc/rsyslog.d "
    '-newermt "$(systemctl show --timestamp=us+utc -P ActiveEnterTimestamp rsyslog.service)"'
)
# logrotate rules that make a new log for everybody to read; chosen by what they are about, not by name.
ROTATED = "grep -lE '^[[:space:]]*create[[:space:]]+0?6[0-7]4[[:space:]]+root[[:space:]]+root' /etc/logrotate.d/*"
SIZES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def journald(host):
    """The settings of journald, all files merged in their order."""
    text = host.check_output(JOURNALD)
    return {key: value.strip() for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)}


def objects(host, kind):
    """The objects of one kind (action, input, module) in rsyslog's configuration, each as a mapping with small keys."""
    text = re.sub(r"^\s*#.*$", "", host.check_output(RSYSLOG), flags=re.MULTILINE)
    blocks = re.findall(rf'\b{kind}\s*\(((?:[^()"]|"[^"]*")*)\)', text, re.IGNORECASE)
    return [{key.lower(): value for key, value in re.findall(r'([\w.]+)\s*=\s*"([^"]*)"', block)} for block in blocks]


def size(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", text.strip())
    return int(match[1]) * SIZES[match[2]] if match else None


def declared_servers(settings):
    """The same rule as in the role."""
    inside = [a for a in settings.get("verbund_log_servers", []) if a != settings.get("verbund_address")]
    return settings["logging_servers"] or inside


@pytest.mark.control("VB-LOG-001")
def test_journal_survives_a_restart(host):
    """journald is told to write to disk, and it does."""
    storage = journald(host).get("Storage", "auto")
    assert storage == "persistent", f"journald: Storage is {storage}, must be persistent"
    assert host.run(OPEN_JOURNALS).stdout.strip(), "the running journald does not write to disk"


@pytest.mark.control("VB-LOG-002")
def test_logs_cannot_fill_the_disk(host, settings):
    """The journal has a limit of size and of age, and floods are cut."""
    values = journald(host)
    used, limit = values.get("SystemMaxUse", ""), settings["logging_journal_max_size"]
    assert size(used) is not None, f"journald: SystemMaxUse is '{used or 'not set'}'"
    assert size(used) <= size(limit), f"the journal may grow to {used}, declared are {limit}"
    days = values.get("MaxRetentionSec", "0")
    wanted = f"{settings['logging_journal_days']}day"
    assert days == wanted, f"the journal is kept for '{days}', declared is {wanted}"
    burst = values.get("RateLimitBurst", "10000")
    assert burst != "0", "journald does not limit floods of messages (RateLimitBurst=0)"
    assert values.get("RateLimitIntervalSec", "30s") not in {"0", "0s"}, "journald does not limit floods of messages"


@pytest.mark.control("VB-LOG-003")
def test_log_service_runs(host):
    """rsyslog runs with its files as they are, starts at boot and is fed every message by the journal."""
    state = host.check_output("systemctl show -p ActiveState -p UnitFileState --value rsyslog.service").split()
    assert sorted(state) == ["active", "enabled"], f"rsyslog is {' and '.join(state)}, must be active and enabled"
    values = journald(host)
    assert values.get("ForwardToSyslog", "no") in {"yes", "true", "1"}, "the journal passes nothing on to rsyslog"
    level = values.get("MaxLevelSyslog", "debug")
    assert level in {"debug", "7"}, f"the journal passes only messages from level {level} on to rsyslog"
    result = host.run("rsyslogd -N1")
    assert result.rc == 0, f"rsyslog finds faults in its configuration: {result.stderr[:300]}"
    stale = host.check_output(STALE).split()
    assert not stale, f"rsyslog was not restarted since {', '.join(stale)} changed"


@pytest.mark.control("VB-LOG-004")
def test_logs_leave_encrypted(host, settings):
    """Each declared server is addressed by TLS with its name checked, and no other way out is open."""
    servers = declared_servers(settings)
    if not servers:
        pytest.skip("not applicable: no log server is declared for this host")
    actions = [action for action in objects(host, "action") if action.get("type", "").lower() == "omfwd"]
    targets = sorted(action.get("target", "") for action in actions)
    assert targets == sorted(servers), f"logs go to {targets}, declared are {servers}"
    for action in actions:
        target = action["target"]
        tls = (action.get("protocol"), action.get("streamdriver"), action.get("streamdrivermode"))
        assert tls == ("tcp", "ossl", "1"), f"logs to {target} are not encrypted"
        assert action.get("streamdriverauthmode") == "x509/name", (
            f"the log server {target} does not have to prove its name"
        )
        names = action.get("streamdriverpermittedpeers", "").split(",")
        wanted = settings["logging_server_names"] or settings.get("verbund_log_server_names", [])
        assert names == wanted, f"as log server {target} is accepted {names}, declared are {wanted}"
    text = host.check_output(RSYSLOG)
    old = re.findall(r"^[^#\n]*?\s(@@?[\w\[(.:-]+)", text, re.MULTILINE)
    assert not old, f"logs also leave unencrypted: {', '.join(old)}"


@pytest.mark.control("VB-LOG-005")
def test_log_server_is_connected(host, settings):
    """rsyslog holds a connection to each declared server."""
    servers = declared_servers(settings)
    if not servers:
        pytest.skip("not applicable: no log server is declared for this host")
    lines = host.check_output("ss -Htnp state established").splitlines()
    peers = {line.split()[3] for line in lines if "rsyslogd" in line}
    missing = [server for server in servers if f"{server}:{settings['logging_port']}" not in peers]
    assert not missing, f"no connection to the log server {', '.join(missing)}; messages wait on this host"


@pytest.mark.control("VB-LOG-006")
def test_no_unencrypted_reception(host):
    """Nothing listens for plain syslog."""
    open_ = [
        line.split()[4]
        for line in host.check_output(LISTENERS).splitlines()
        if re.search(r":(514|601)$", line.split()[4])
    ]
    assert not open_, f"plain syslog is accepted on {', '.join(open_)}"
    loaded = [entry["load"] for entry in objects(host, "module") if entry.get("load") in {"imudp", "imrelp", "imptcp"}]
    assert not loaded, f"rsyslog has loaded receivers without encryption: {', '.join(loaded)}"


@pytest.mark.control("VB-LOG-007")
def test_collector_demands_certificates(host, settings):
    """The collector listens, by TLS only, and lets in hosts with a certificate only; nobody else listens."""
    port = settings["logging_port"]
    lines = [line for line in host.check_output(LISTENERS).splitlines() if line.split()[4].endswith(f":{port}")]
    if not settings["logging_collector"]:
        lines = [line for line in lines if "rsyslogd" in line]
        assert not lines, f"this host receives logs on port {port}, but it is no declared collector"
        pytest.skip("not applicable: this host is no collector")
    assert any("rsyslogd" in line for line in lines), f"nobody receives logs on port {port}"
    modules = [entry for entry in objects(host, "module") if entry.get("load") == "imtcp"]
    assert modules, "rsyslog has no receiver"
    for entry in modules:
        tls = (entry.get("streamdriver.name"), entry.get("streamdriver.mode"))
        assert tls == ("ossl", "1"), "the receiver accepts connections without TLS"
        mode = entry.get("streamdriver.authmode")
        assert mode in {"x509/certvalid", "x509/name"}, f"the receiver lets in hosts without a certificate ({mode})"
    weak = [entry.get("port") for entry in objects(host, "input") if entry.get("streamdriver.mode") == "0"]
    assert not weak, f"the receiver accepts connections without TLS on port {weak}"


@pytest.mark.control("VB-LOG-008")
def test_logs_are_protected(host):
    """Others can neither read nor change what the log services write."""
    found = host.check_output(
        "cd /var/log && { find syslog auth.log kern.log cron.log user.log mail.log btmp journal verbund "
        "-type f -perm /007 -printf '%m %p\\n'; find . unattended-upgrades -maxdepth 1 -type f "
        "! -name 'lastlog*' ! -name 'wtmp*' ! -name 'btmp*' -perm /0137 -printf '%m %p\\n'; } 2> /dev/null "
        "| sort -u | head -n 20; :"
    )
    assert not found.strip(), f"logs that others can read or change: {'; '.join(found.splitlines())}"
    rotated = host.run(ROTATED).stdout.split()
    assert not rotated, f"after the next rotation others can read what {', '.join(rotated)} rotates"


@pytest.mark.control("VB-LOG-009")
def test_logs_are_rotated(host):
    """The daily job is on, and its configuration is readable."""
    state = host.check_output("systemctl show -p ActiveState -p UnitFileState --value logrotate.timer").split()
    assert sorted(state) == ["active", "enabled"], (
        f"logrotate.timer is {' and '.join(state)}, must be active and enabled"
    )
    result = host.run("logrotate --debug /etc/logrotate.conf > /dev/null 2>&1")
    assert result.rc == 0, "logrotate finds faults in its configuration, so logs are not rotated"


@pytest.mark.control("VB-LOG-010")
def test_logs_cannot_be_changed(host):
    """Nothing below /var/log can be changed or replaced by everybody, or belongs to a person."""
    found = host.check_output(
        "find /var/log -xdev -path /var/log/private -prune -o ! -type l \\( -perm /002 -o -uid +999 \\) "
        "-printf '%m %u %p\\n' | head -n 20"
    ).splitlines()
    assert not found, f"others can change logs (mode owner path): {'; '.join(found)}"


@pytest.mark.control("VB-LOG-011")
def test_new_logs_are_protected(host):
    """What rsyslog is told last counts, and no action of its own asks for wider rights."""
    text = re.sub(r"#.*$", "", host.check_output(RSYSLOG), flags=re.MULTILINE)
    modes = re.findall(r"^\s*\$FileCreateMode\s+([0-7]+)", text, re.MULTILINE | re.IGNORECASE)
    wide = [mode for mode in modes if int(mode, 8) & 0o137]
    assert modes, "rsyslog makes log files that everybody can read (its default, 0644)"
    assert not wide, f"rsyslog makes log files with mode {', '.join(wide)}"
    own = re.findall(r'\bfileCreateMode\s*=\s*"([0-7]+)"', text, re.IGNORECASE)
    wide = [mode for mode in own if int(mode, 8) & 0o137]
    assert not wide, f"an action of rsyslog makes log files with mode {', '.join(wide)}"


@pytest.mark.control("VB-LOG-012")
def test_messages_wait_for_the_server(host, settings):
    """Each way to a log server has a queue that goes to disk, survives a restart and is never given up."""
    if not declared_servers(settings):
        pytest.skip("not applicable: no log server is declared for this host")
    actions = [action for action in objects(host, "action") if action.get("type", "").lower() == "omfwd"]
    assert actions, "no log leaves this host"
    for action in actions:
        target = action.get("target", "")
        assert action.get("queue.filename"), f"messages are lost while the log server {target} is away"
        assert action.get("queue.type", "Direct").lower() != "direct", f"nothing waits for the log server {target}"
        saved = action.get("queue.saveonshutdown", "off")
        assert saved == "on", f"messages that wait for {target} are lost when this host restarts"
        tries = action.get("action.resumeretrycount", "0")
        assert tries == "-1", f"the log server {target} is given up after {tries} tries"


@pytest.mark.control("VB-LOG-013")
def test_rotation_ran(host, settings):
    """The last rotation was within the last days and ended well."""
    days = settings["logging_rotation_max_age"]
    recent = host.check_output("find /var/lib/logrotate -name status -mtime -%s", str(days))
    assert recent.strip(), f"logs were not rotated within the last {days} days"
    result = host.check_output("systemctl show --property=Result --value logrotate.service").strip()
    assert result == "success", f"the last rotation ended with: {result}"
