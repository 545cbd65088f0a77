#!/usr/bin/env bash
# Seen: journalctl --follow --after-cursor=C, which is how a program goes on where it stopped, shows the newest ten entries
# behind the cursor and leaves out all before them: --follow brings --lines=10 with it, whatever cursor is named. Without
# --follow, or with --no-tail, all of them come. Nothing says that any were left out, and the exit status is 0.
# Why it matters: whoever ships a journal so and was away for a minute has lost what happened in it, and has just the ten
# lines that make it look as if nothing was.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"; chmod 755 .
release=252 # of Debian 12; its point releases differ behind that
apt-get download -qq systemd systemd-journal-remote libsystemd-shared libmicrohttpd12 2> apt.log || { cat apt.log; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" unpacked; done
LD_LIBRARY_PATH=$(printf %s: "$PWD"/unpacked/{usr/,}lib/x86_64-linux-gnu{,/systemd}); export LD_LIBRARY_PATH
remote=$(find unpacked -name systemd-journal-remote -type f -perm -u+x | head -1)
journalctl=$(find unpacked -name journalctl -type f -perm -u+x | head -1)
mkdir j; version=$("$journalctl" --version | head -1)
for number in $(seq 100); do
  printf '__REALTIME_TIMESTAMP=%s\n__MONOTONIC_TIMESTAMP=%s\n_BOOT_ID=%032d\nMESSAGE=entry %s\nPRIORITY=3\n\n' \
    $((1796032598000000 + number)) "$number" 7 "$number"
done | "$remote" --output="$PWD/j/plant.journal" - 2> /dev/null
cursor=$("$journalctl" --directory="$PWD/j" --output=json --no-pager | sed -n 20p | grep -o '"__CURSOR":"[^"]*"' | cut -d'"' -f4)
shown() { { timeout 3 "$journalctl" --directory="$PWD/j" --output=cat --after-cursor="$cursor" "$@" || true; } | wc -l; }
plain=$(shown --no-pager); follow=$(shown --follow); tail=$(shown --follow --no-tail)
echo "$version: 80 entries lie behind the cursor; without --follow $plain came, with it $follow, with --no-tail too $tail"
[[ $version == *" $release "* && $plain == 80 && $follow == 10 && $tail == 80 ]] || { echo "CHANGED"; exit 1; }
