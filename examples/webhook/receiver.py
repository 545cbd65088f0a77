"""A receiver for Andon's webhooks, with Python's standard library only.

    ANDON_WEBHOOK_SECRET=whsec_… python3 receiver.py 8099

It accepts a message only if its signature is valid and recent, and each message once: if an answer is lost, Andon
sends the message again with the same id. If the program may restart, keep the ids in a database.
"""

import base64
import hmac
import json
import os
import sys
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300  # seconds that the sender's clock, or the network, may be off
LARGEST = 1_000_000  # bytes
REMEMBERED = 10_000  # ids

secret = os.environ["ANDON_WEBHOOK_SECRET"]
key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
seen: OrderedDict[str, None] = OrderedDict()


def fits(headers, body: bytes) -> bool:
    """Whether the sender knows the secret and sent this now."""
    name, moment = headers.get("Webhook-Id", ""), headers.get("Webhook-Timestamp", "")
    if not (moment.isascii() and moment.isdigit()) or abs(time.time() - int(moment)) > TOLERANCE:
        return False
    expected = base64.b64encode(hmac.digest(key, f"{name}.{moment}.".encode() + body, "sha256")).decode()
    given = headers.get("Webhook-Signature", "").split()
    return any(hmac.compare_digest(f"v1,{expected}".encode(), one.encode()) for one in given)


class Receiver(BaseHTTPRequestHandler):
    """204 means that the message has arrived; any other answer except 429 and 5xx that it is never wanted."""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.send_error(413)
            return
        body = self.rfile.read(length)
        if not fits(self.headers, body):
            self.send_error(401, "the signature is invalid or too old")
            return
        name = self.headers["Webhook-Id"]
        if name not in seen:
            message = json.loads(body)
            print(message["severity"], message["phase"], message["title"], message["link"], flush=True)
            seen[name] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing but messages."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
