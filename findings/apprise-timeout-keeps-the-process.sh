#!/usr/bin/env bash
# Seen: Apprise 2.3.0. notify(timeout=1) with a service that does not answer returns after a second and says TIMEOUT, as
# documented. The thread that waits for the service goes on in a pool that is not a daemon's, so the program itself does not
# end until the service's own read timeout is over (here rto=8), whatever the call was told. And where all went well, the
# pool's thread stays for the rest of the program's life.
# Why it matters: a script that notifies on its way out, or a service that is asked to stop, hangs for as long as a chat
# server is silent. With AppriseAsset(async_mode=False, service_timeout=0) and no timeout= the library works in the thread
# that calls it, and one may choose a daemon's.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check apprise==2.3.0
cat > "$work/call.py" <<'PYTHON'
import socket, sys, threading, time

import apprise

silent = socket.create_server(("127.0.0.1", 0))  # takes connections and says nothing
begun = time.monotonic()
caller = apprise.Apprise()
caller.add(f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=8")
result = caller.notify("disk is full", timeout=1)
left = [(one.name, "daemon" if one.daemon else "no daemon") for one in threading.enumerate() if one is not threading.main_thread()]
print(f"apprise {apprise.__version__}: {result.status.name} after {time.monotonic() - begun:.0f} s; threads left: {left}", flush=True)
PYTHON
begun=$(date +%s)
"$work/venv/bin/python" "$work/call.py"
took=$(($(date +%s) - begun))
echo "the process ended after $took s"
test "$took" -ge 7
