// node-opcua's alarm server: `node opcua_alarm_server.js PORT MACHINES`. Commands come on standard input, one a line:
// "raise N" and "clear N" for the alarm of a machine, "event TEXT", "states"; "done …" on standard output answers each.
const { OPCUAServer, DataType, Variant } = require("node-opcua");
const readline = require("readline");

async function main() {
    const [port, count] = [Number(process.argv[2]), Number(process.argv[3] || 3)];
    const server = new OPCUAServer({
        port, hostname: "127.0.0.1", resourcePath: "/alarms", allowAnonymous: true,
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    const own = space.getOwnNamespace();
    space.installAlarmsAndConditionsService();
    const plant = own.addObject({ browseName: "Plant", organizedBy: space.rootFolder.objects, notifierOf: space.rootFolder.objects.server });
    const items = [];
    for (let n = 0; n < count; n++) {
        const machine = own.addObject({ browseName: `Press${n}`, componentOf: plant, nodeId: `s=Plant/Line1/Press${n}`, notifierOf: plant });
        const oil = own.addVariable({ browseName: "OilTemp", nodeId: `s=Plant/Line1/Press${n}/OilTemp`, componentOf: machine, dataType: DataType.Double, eventSourceOf: machine });
        oil.setValueFromSource(new Variant({ dataType: DataType.Double, value: 50 }));
        const alarm = own.instantiateNonExclusiveLimitAlarm("NonExclusiveLimitAlarmType", {
            browseName: `OilTempAlarm${n}`, conditionName: `OilTempHigh${n}`, conditionSource: oil, componentOf: machine, nodeId: `s=Alarm${n}`,
            inputNode: oil, lowLowLimit: -10, lowLimit: 0, highLimit: 80, highHighLimit: 95,
            optionals: ["ConfirmedState", "Confirm"],
        });
        items.push({ oil, alarm });
    }
    await server.start();
    console.log("ready");
    readline.createInterface({ input: process.stdin }).on("line", (line) => {
        const [word, given] = line.trim().split(" ");
        const set = (n, value) => items[n].oil.setValueFromSource(new Variant({ dataType: DataType.Double, value }));
        if (word === "raise") set(Number(given), 90);
        if (word === "clear") set(Number(given), 50);
        if (word === "event")
            plant.raiseEvent("BaseEventType", {
                message: { dataType: DataType.LocalizedText, value: { text: line.trim().slice(6) } },
                severity: { dataType: DataType.UInt16, value: 700 },
            });
        if (word === "states")
            console.log(JSON.stringify(items.map(({ alarm }) => [alarm.activeState.id.readValue().value.value, alarm.ackedState.id.readValue().value.value, alarm.comment.readValue().value.value?.text ?? null])));
        if (word !== "event") console.log(`done ${line.trim()}`);
    });
    process.stdin.on("end", () => process.exit(0));
}
main().catch((error) => { console.error(error); process.exit(1); });
