#!/usr/bin/env bash
# Seen: ecs-logging's StdlibFormatter writes error.stack_trace from the frames of the outermost exception alone. The cause
# of a `raise ... from ...` is nowhere in the line, neither its type nor its text nor its frames; nor does the trace begin
# with "Traceback" or end with the line that names the exception (type and text stand in error.type and error.message).
# logging's own format, python-json-logger and structlog write the whole chain.
# Why it matters: the root cause cannot be read, two faults with one wrapper around them look alike, and a reader that
# looks for "Traceback (most recent call last)" does not take it for a trace.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check ecs-logging==2.3.0
cat > f.py <<'P'
import io, json, logging, sys, ecs_logging

def written(formatter):
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    log = logging.getLogger("plant")
    log.handlers[:], log.propagate = [handler], False
    try:
        try:
            {}["bottle-7"]
        except KeyError as error:
            raise RuntimeError("recipe cannot start") from error
    except RuntimeError:
        log.exception("Filler stopped")
    return out.getvalue()

plain, ecs = written(None), written(ecs_logging.StdlibFormatter())
print("logging's own format:\n" + plain + "\necs-logging 2.3.0:\n" + json.dumps(json.loads(ecs)["error"], indent=1))
changed = "bottle-7" not in plain or "KeyError" in ecs or "bottle-7\\n" in ecs or "Traceback" in ecs
sys.exit("CHANGED: the cause is in the line" if changed else 0)
P
v/bin/python f.py
