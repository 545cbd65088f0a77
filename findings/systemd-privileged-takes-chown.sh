#!/usr/bin/env bash
# Seen: systemd's system call group @privileged has @chown in it, and @system-service has it as well. So the usual
# pair of lines, SystemCallFilter=@system-service and SystemCallFilter=~@privileged, takes chown() and fchown() from a
# service, also the harmless kind: its own file to another of its own groups. Given back by a third line,
# SystemCallFilter=@chown, they cost 0.1 of 10 in systemd's rating.
# Why it matters: the service starts and fails at its first shared file with EPERM, as if the disk's permissions were
# wrong; SQLite and log writers that hand a file to a group are typical. Nothing in the journal names the filter.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
command -v systemd-analyze >/dev/null || { echo "needs systemd-analyze (Debian: apt install systemd)"; exit 2; }
has() { systemd-analyze --no-pager syscall-filter "$1" | grep -qx " *$2"; }
exposure() { # of a unit with these lines, as systemd rates its system calls
	printf '[Service]\nExecStart=/bin/true\nSystemCallArchitectures=native\n%s\n' "$1" > one.service
	systemd-analyze --no-pager security --offline=true ./one.service 2>/dev/null | grep -oE 'level for .*: [0-9.]+' | grep -oE '[0-9.]+$'
}
usual=$'SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources'
without=$(exposure "$usual") && given=$(exposure "$usual"$'\nSystemCallFilter=@chown')
systemd-analyze --version | head -n 1
echo "@privileged: $(systemd-analyze --no-pager syscall-filter @privileged | grep -E '^ *@' | xargs)"
echo "exposure of a unit: $without, with @chown given back: $given"
has @privileged @chown && has @system-service @chown && has @chown fchown || { echo "CHANGED: where @chown stands"; exit 1; }
awk -v a="$without" -v b="$given" 'BEGIN { exit !(b - a < 0.15) }' || { echo "CHANGED: the rating"; exit 1; }
