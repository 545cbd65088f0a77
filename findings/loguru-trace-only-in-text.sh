#!/usr/bin/env bash
# Seen: with serialize=True loguru writes record.exception as {type, value, traceback: true}: whether there is a trace, not
# the trace. The frames stand only in "text", behind a formatted line that repeats the message. A custom level's number
# and name stand in record.level; "text" is the one field at the top.
# Why it matters: a reader that takes record.message and record.exception, the obvious fields, drops every trace.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check loguru==0.7.3
cat > f.py <<'P'
import io, json, sys
from loguru import logger

out = io.StringIO()
logger.remove()
logger.add(out, serialize=True)
try:
    {}["bottle-7"]
except KeyError:
    logger.exception("Filler stopped")
line = json.loads(out.getvalue())
print("loguru 0.7.3, record.exception:", json.dumps(line["record"]["exception"]))
print("text:\n" + line["text"])
record = json.dumps(line["record"])
changed = line["record"]["exception"]["traceback"] is not True or "Traceback" in record or "Traceback" not in line["text"]
sys.exit("CHANGED: the record holds the trace" if changed else 0)
P
v/bin/python f.py
