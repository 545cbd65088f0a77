#!/usr/bin/env bash
# Seen: google-cloud-logging's StructuredLogHandler (JSON on standard output for Cloud Run and GKE) drops what a program
# passes with logging's extra=; only extra={"json_fields": {...}} comes out, at the top of the line. Nothing says so. The
# first line of a process is no log of the program: it has a severity, INFO, and neither message nor time. No line has a
# time at all, and a trace is glued to the message.
# Why it matters: machine, order and alarm code that the program did log cannot be found in the logs; and the first line
# is a log without text, for every start of every process.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check google-cloud-logging==3.17.0
cat > f.py <<'P'
import io, json, logging, sys
from google.cloud.logging_v2.handlers import StructuredLogHandler

out = io.StringIO()
log = logging.getLogger("plant")
log.propagate = False
log.addHandler(StructuredLogHandler(stream=out, project_id="plant"))
log.error("Filler stopped", extra={"alarm_code": "E-2207"})
log.error("Filler stopped", extra={"json_fields": {"alarm_code": "E-2207"}})
lines = out.getvalue().splitlines()
print("google-cloud-logging 3.17.0 wrote:\n" + "\n".join(lines))
first, plain, fields = map(json.loads, lines)
changed = "message" in first or "E-2207" in lines[1] or fields.get("alarm_code") != "E-2207" or "time" in plain
sys.exit("CHANGED: extra is written, or the first line" if changed else 0)
P
v/bin/python f.py
