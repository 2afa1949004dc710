#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Install what a controller needs: Debian packages (requirements/debian.txt) and a virtual environment from
# the hash-checked lock (requirements/dev.txt). Run by `make`; safe to run again, does nothing when all is there.
set -eu
cd "$(dirname "$0")"

say() { printf '[setup] %s\n' "$*"; }
fail() { printf '[setup] %s\n' "$*" >&2; exit 2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else
        command -v sudo >/dev/null || fail "not root and no sudo here: run 'apt-get install $missing' as root, then again"
        say "needs root: sudo $*"
        sudo "$@"
    fi
}

# TCG of QEMU before 8 crashes the kernel of Debian 13 at random (seen with 7.2 of Debian 12).
qemu_is_old() {
    version=$(dpkg-query -W -f '${Version}' qemu-system-x86 2>/dev/null || true)
    [ -z "$version" ] || dpkg --compare-versions "$version" lt '1:8'
}

install_debian_packages() {
    command -v dpkg-query >/dev/null || fail "this is no Debian system: install the programs named in requirements/debian.txt by hand"
    missing=""
    for package in $(sed '/^#/d' requirements/debian.txt); do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    . /etc/os-release
    backports=""
    if [ "${VERSION_CODENAME:-}" = bookworm ] && qemu_is_old; then
        backports=bookworm-backports
        case $missing in *qemu-system-x86*) ;; *) missing="$missing qemu-system-x86 qemu-utils" ;; esac
    fi
    [ -n "$missing" ] || return 0
    say "Debian packages:$missing"
    as_root apt-get update -qq
    if [ -n "$backports" ] && ! apt-get indextargets --format '$(CODENAME)' 2>/dev/null | grep -qx "$backports"; then
        # The same mirror as the machine's own sources; no host name stands in this project.
        mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | sed -n 's/^bookworm //p' | head -n 1)
        [ -n "$mirror" ] || fail "no apt source for bookworm found: add bookworm-backports by hand (QEMU 10), then again"
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
            "$mirror" "$backports" | as_root tee /etc/apt/sources.list.d/verbund-backports.sources >/dev/null
        as_root apt-get update -qq
    fi
    plain=""; newer=""
    for package in $missing; do
        case $package in
            qemu-*) if [ -n "$backports" ]; then newer="$newer $package"; else plain="$plain $package"; fi ;;
            *) plain="$plain $package" ;;
        esac
    done
    # shellcheck disable=SC2086
    [ -z "$plain" ] || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $plain >/dev/null
    # shellcheck disable=SC2086
    [ -z "$newer" ] || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -t "$backports" $newer >/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 with the venv module found; name one: make PYTHON=/path/to/python3.13"
}

install_python_packages() {
    stamp=.venv/lock.sha256
    lock=$(sha256sum requirements/dev.txt)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$lock" ] && return 0
    python=$(find_python)
    say "virtual environment .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
    # The package itself runs from the checkout, so that an edit is live and nothing is built.
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    printf '%s/deploy\n' "$PWD" > "$site/verbund.pth"
    printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m verbund "$@"\n' "$PWD" > .venv/bin/verbund
    chmod +x .venv/bin/verbund
    printf '%s' "$lock" > "$stamp"
}

install_debian_packages
install_python_packages
