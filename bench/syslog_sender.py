"""Sends the logs of the record path's measurement as syslog over TCP: RFC 5424, a line each."""

from __future__ import annotations

import json
import socket
import sys

from bench.record_path import messages

_NUMBERS = {"CRITICAL": 130, "ERROR": 131, "WARNING": 132, "INFO": 134}


def line_of(data: bytes) -> bytes:
    """A log of the measurement as a line of syslog."""
    log = json.loads(data)
    about = " ".join(f'{name}="{value}"' for name, value in log["context"].items())
    head = f"<{_NUMBERS[log['severity']]}>1 {log['timestamp']} {log['hostname']} {log['service']} 411 - [plant {about}]"
    return f"{head} {log['message']}\n".encode()


def main() -> None:
    """Make the lines, say so, wait, send."""
    port, count = map(int, sys.argv[1:])
    data = b"".join(map(line_of, messages(count, 1)))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        print("ready", flush=True)
        sys.stdin.readline()
        connection.sendall(data)


if __name__ == "__main__":
    main()
