#!/usr/bin/env bash
# Seen: PagerDuty's own client for Python sends a trigger again when the connection breaks before the answer came, up to three
# times. Without a dedup_key, which is optional there, each of them is an alert of its own for the service: one call of
# trigger() made two alerts, and returned the key of the second alone.
# Why it matters: nobody resolves the first alert, for nobody knows its key; somebody was called twice. With a key that the
# caller makes (from what the alert is about) the same call makes one alert, however often it is sent.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
python3 -m venv venv && venv/bin/pip -q install pagerduty==7.2.0
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout key.pem -out cert.pem 2>openssl.log
cat > f.py <<'P'
import json, logging, ssl, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pagerduty import EventsApiV2Client

alerts = []

class Handler(BaseHTTPRequestHandler):
    """Gives each event without a dedup_key one of its own, as the service documents it."""
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = event.get("dedup_key") or f"given by the service, {len(alerts) + 1}"
        if key not in alerts:
            alerts.append(key)
        if self.server.lose:
            self.server.lose = False
            return  # taken, and the connection ends without an answer
        body = json.dumps({"status": "success", "message": "Event processed", "dedup_key": key}).encode()
        self.send_response(202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

logging.disable()
server = HTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = EventsApiV2Client("0123456789abcdef0123456789abcdef", base_url=f"https://localhost:{server.server_port}")
seen = []
for key in (None, "press-4/overheats"):
    alerts.clear()
    server.lose = True
    told = client.trigger("Spindle drive overheats", "press-4", dedup_key=key)
    print(f"pagerduty {version('pagerduty')}, dedup_key={key!r}: alerts {alerts}, returned {told!r}")
    seen.append(len(alerts))
if seen != [2, 1]:
    print("CHANGED: how many alerts one call makes")
    sys.exit(1)
P
SSL_CERT_FILE=cert.pem venv/bin/python f.py
