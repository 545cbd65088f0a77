#!/usr/bin/env bash
# asyncua's subscribe_alarms_and_conditions() asks for the fields of ConditionType unless types are named: an alarm arrives
# without ActiveState and AckedState, so that nobody can tell whether it came or went. The same event has them where
# AlarmConditionType is asked for. Server and client are asyncua's own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check asyncua==2.1.0
"$work/venv/bin/python" - <<'PYTHON'
import asyncio, importlib.metadata, logging, socket

from asyncua import Client, Server, ua

logging.disable(logging.CRITICAL)


class Heard(list):
    def event_notification(self, event):
        self.append(event)


async def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"opc.tcp://127.0.0.1:{free.getsockname()[1]}/finding"
    server = Server()
    await server.init()
    server.set_endpoint(url)
    generator = await server.get_event_generator(ua.ObjectIds.AlarmConditionType)
    generator.event.NodeId, generator.event.Retain = ua.NodeId("Alarm1", 1), True
    setattr(generator.event, "ActiveState/Id", True)
    async with server, Client(url) as client:
        usual, asked = Heard(), Heard()
        for heard, types in ((usual, {}), (asked, {"evtypes": ua.ObjectIds.AlarmConditionType})):
            subscription = await client.create_subscription(50, heard)
            await subscription.subscribe_alarms_and_conditions(**types)
        await generator.trigger(message="oil low")
        async with asyncio.timeout(20):
            while not (usual and asked):
                await asyncio.sleep(0.05)
    print("asyncua", importlib.metadata.version("asyncua"))
    for name, [event] in (("by default", usual), ("AlarmConditionType", asked)):
        print(f"{name}: Retain {event.Retain}, ActiveState/Id {getattr(event, 'ActiveState/Id', 'not there')}")
    assert not hasattr(usual[0], "ActiveState/Id")
    assert getattr(asked[0], "ActiveState/Id") is True


asyncio.run(main())
PYTHON
