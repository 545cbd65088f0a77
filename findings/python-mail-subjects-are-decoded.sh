#!/usr/bin/env bash
# Seen: Python 3.6 to 3.13, email.message.EmailMessage. A text that is assigned to a header is not taken as it is: what looks like
# an encoded word (RFC 2047) in it is decoded at once, and stands decoded in the mail. So a text that was looked through
# before, for addresses or secrets, holds another one afterwards.
# Why it matters: a subject made from foreign text (a log, a form) can carry what no filter saw. Break up "=?" before.
# Needs: Python.
set -euo pipefail
python3 - <<'PYTHON'
import base64, platform
from email.message import EmailMessage

hidden = f"=?utf-8?B?{base64.b64encode(b'https://host.example/x').decode()}?="
shown = {}
for name, text in (("as it came", f"disk {hidden} full"), ("broken up", f"disk {hidden} full".replace("=?", "= ?"))):
    mail = EmailMessage()
    mail["Subject"] = text
    mail.set_content("text")
    shown[name] = next(line for line in mail.as_string().splitlines() if line.startswith("Subject"))
    print(f"Python {platform.python_version()}, {name}: {text!r} is sent as {shown[name]!r}")
assert "https://host.example/x" in shown["as it came"]
assert "https" not in shown["broken up"]
PYTHON
