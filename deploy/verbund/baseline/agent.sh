# SPDX-License-Identifier: EUPL-1.2
# Runs on the host as root, handed over as `sh -c <this text>`: nothing is written to a disk there.
# Standard input: a secret mark, seconds per command, bytes of output per command, then one command per line
# ("C <text>", or "B <base64>" for a text with line breaks). After each command a line "<mark> end" goes to both
# output streams; "<mark> status N" before it is the command's own exit status, and its absence says that the
# output was cut. The mark comes over standard input so that no command can read it and forge an answer.
IFS= read -r mark && IFS= read -r seconds && IFS= read -r bytes || exit 64
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8
export PATH LC_ALL
cd /
printf '\n%s ready\n' "$mark"
printf '\n%s ready\n' "$mark" >&2
while IFS= read -r line; do
  case $line in
    'C '*) command=${line#C } ;;
    'B '*) command=$(printf '%s' "${line#B }" | base64 -d) ;;
    *) exit 64 ;;
  esac
  {
    timeout -k 2 "$seconds" /bin/sh -c "$command" </dev/null
    printf '\n%s status %s\n' "$mark" "$?"
  } | head -c "$bytes"
  printf '\n%s end\n' "$mark"
  printf '\n%s end\n' "$mark" >&2
done
