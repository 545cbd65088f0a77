#!/usr/bin/env bash
# Seen: httpx ends no idle connection by itself. keepalive_expiry is looked at when the next request comes: until then the
# connection of the last one stays open, however long that takes, and so does one that the server has long closed.
# Why it matters: a service that notifies a system now and then holds a connection (and a place in the table of every
# firewall between) for each of them all day, in CLOSE_WAIT where the server gave up; closing is the caller's own work.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check httpx==0.28.1
cat > f.py <<'P'
import asyncio, sys
import httpx

open_now = 0


async def serve(reader, writer):
    global open_now
    open_now += 1
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    except asyncio.IncompleteReadError:
        pass
    open_now -= 1
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = "http://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]
    limits = httpx.Limits(keepalive_expiry=0.5)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
        await client.get(url)
        await asyncio.sleep(3)
        idle = open_now
    await asyncio.sleep(0.2)
    print(f"httpx {httpx.__version__}, keepalive_expiry 0.5 s: {idle} connection open 3 s later, {open_now} after aclose()")
    return "CHANGED: it is closed when it expires" if not idle else 0


sys.exit(asyncio.run(main()))
P
v/bin/python f.py
