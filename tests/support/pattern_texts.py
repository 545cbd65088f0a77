"""Texts for the tests of patterns: log lines as a plant writes them, and texts meant to hurt."""

from __future__ import annotations

from hypothesis import strategies as st

#: (header, name): what common loggers write before the text.
HEADERS = {
    "syslog": "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: ",
    "syslog with priority": "<34>Oct 11 22:14:15 mes01 app: ",
    "syslog 5424": "<165>1 2025-10-11T22:14:15.003Z mes01 app 4711 ID47 - ",
    "log4j": "2025-10-18 18:01:47,978 INFO [main] org.plant.link.Client: ",
    "python": "2025-01-02 03:04:05,123 - plant.link - ERROR - ",
    "python, no name": "2025-01-02 03:04:05,123 ERROR ",
    "loguru": "2025-01-02 03:04:05.123 | ERROR    | plant.link:connect:17 - ",
    "nginx": "2025/01/02 03:04:05 [error] 31#31: *123 ",
    "apache": "[Sun Dec 04 04:47:44 2025] [error] ",
    "klog": "E0102 03:04:05.123456   12345 reflector.go:123] ",
    "hadoop": "081109 203615 148 INFO dfs.DataNode$PacketResponder: ",
    "supercomputer": "- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.363779 R02-M1 RAS KERNEL INFO ",
    "health": "20171223-22:15:29:606|Step_LSC|30002312|",
    "android": "03-17 16:13:38.811  1702  2395 D WindowManager: ",
    "zookeeper": "2025-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:Fast@774] - ",
    "spark": "17/06/09 20:10:40 INFO executor.CoarseGrainedExecutorBackend: ",
    "windows": "2016-09-28 04:30:30, Info                  CBS    ",
    "containers": "2025-10-18T18:01:47.978123456Z stderr F ",
    "dotnet": "2025-01-02 03:04:05.123 +02:00 [ERR] ",
    "logfmt": "time=2025-01-02T03:04:05Z level=error msg=",
    "proxy": "[10.30 16:49:06] gateway.exe - ",
    "openstack": "nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO nova.osapi.server "
    "[req-38101a0b-2096-447d-96ea-a692162415ae 113d3a99c3da401fbd62cc2caa5b96d2 - - -] ",
    "time only": "2025-01-02 03:04:05 ",
}

PYTHON_TRACE = """2025-01-02 10:00:00,123 - plant.link - ERROR - Failed to read order 4711
Traceback (most recent call last):
  File "/app/db.py", line 12, in connect
    sock.connect(addr)
  File "/app/net.py", line 3, in dial
ConnectionRefusedError: [Errno 111] Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/main.py", line 7, in run
    go()
plant.errors.OrderError: order 4711 lost
"""
JAVA_TRACE = """2025-01-02 10:00:00,123 ERROR [main] org.plant.Link: Failed to store order 17
org.plant.StoreException: cannot store 17
\tat org.plant.Store.save(Store.java:12)
\tat org.plant.Main.run(Main.java:99)
\t... 2 more
Caused by: java.sql.SQLException: ORA-00600: internal fault
\tat oracle.jdbc.Driver.exec(Driver.java:5)
\tat oracle.jdbc.Driver.lambda$run$3(Driver.java:6)
\t... 5 more"""
DOTNET_TRACE = """System.InvalidOperationException: Order 12 is empty ---> System.IO.IOException: disk 3 gone
   at Plant.Io.Read(String path) in C:\\src\\Io.cs:line 12
   at Plant.Io.Load()
   --- End of inner exception stack trace ---
   at Plant.Main.Run() in C:\\src\\Main.cs:line 4"""
NODE_TRACE = """TypeError: Cannot read properties of undefined (reading 'id')
    at handle (/srv/app/orders.js:17:5)
    at async Server.run (/srv/app/server.js:99:3)
    at /srv/app/index.js:3:1"""
GO_TRACE = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
runtime.gopanic(0x1)
\t/usr/lib/go/panic.go:1
main.(*Store).Get(0xc000012345, 0x5)
\t/srv/main.go:17 +0x1d
main.main()
\t/srv/main.go:5 +0x2
exit status 2"""
TRACES = {"python": PYTHON_TRACE, "java": JAVA_TRACE, "dotnet": DOTNET_TRACE, "node": NODE_TRACE, "go": GO_TRACE}

#: Pieces that, repeated, make naive expressions backtrack.
HOSTILE = (
    *("a", "a.", "1:", "7", "deadbeef", "a1", "/a", "(", "a@", ".-", " ", "\n", "_", "a_", "a-", "abcd-", "ab:", "::"),
    *("/", "\\", "C:\\a", "\\n", "error 1 ", "error: ", "E1234 ", "[", "[]", '"', "a=1 ", "Jan 1 ", "2025-01-01 "),
    *("<*>", "<*>.", "<*>(", "<", "\0", "\ud800", "😀", "٣", "٣a ", " ---> ", "\n\tat ", "\n\tat a.b(c)", "x1 "),
    *("Traceback (most recent call last)\n", "\n\tat x(\nCaused by: a", "http://", "A0", "AB-1 ", "0.0 ", "=false "),
    *(
        "轴3",
        "报警 1 ",
        "１【",
        "e\u0301",
        "GET /a?b=1 ",
        "/a?b=1 ",
        "+1V ",
        "-1 ",
        "failed (-1",
        "W#16#8 ",
        "Type 1 Code 1 ",
    ),
    *(
        "#012",
        "\n#0 ",
        "\na.b\n\ta.go:1",
        "\n  at a",
        "  + Exception Group Traceback (most recent call last):\n",
        "a~b",
        "a++-b",
    ),
    *("abc 1 1:1:1 ", "0x", " 0", "2025-01-01 10:00:00 [a] ", "goroutine \n", "a/", "\ue000", "\x1e", " @ ", " | in "),
)

_CORPUS = r"""error code alarm status signal of 3 17 503 1205 0x80070005 SV0401 F30005 ORA-00600 T04:C42 AL-17
    10.0.0.1:4840 plc-7 axis3 /var/log/plant/a.log C:\temp\x.txt user@plant.local 12.5 mm bar ms 45% drive failed
    Connection refused: HTTP/1.1" exit with errno [Errno : = ( ) , - # \n \t é 😀 <*> @ | in true null ٣
    2025-01-02T03:04:05Z Jun June aa:bb:cc:01:02:03 blk_-17 event id java.io.IOException: lambda$run$3
    第3轴 过载 报警号12 ａ１２【 é GET /a/3/b?c=4 /a?b=1 path=/x HTTP/1.1" 502 failed: -110 (-22) W#16#80C4 2310h 80C4h +24V
    + - -2147024891 0x0F201C C153A0: Type 03 Code 16 #012 lib-1.2~rc1 x==2 1205.0"""
_PIECES = st.sampled_from([*_CORPUS.split(), "\n", "\ud800", "\0"])
#: Texts like log lines, with everything the rules look at, in any order.
log_texts = st.one_of(
    st.lists(st.one_of(_PIECES, st.text(max_size=6)), max_size=14).map(" ".join),
    st.lists(st.one_of(_PIECES, st.text(max_size=3)), max_size=14).map("".join),
    st.text(max_size=80),
)
