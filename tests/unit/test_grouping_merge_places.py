"""What late merging keeps apart and what it joins: many vendors' sentences, and the rules behind them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.grouping.evaluation import GroupingMethod
from andon.grouping.fault_words import names_fault, tells_fault
from andon.grouping.places import Place, places


def problems(form: str, words: list[str], seed: int | None = 0) -> int:
    """How many problems the texts are, in an order of chance unless ``seed`` is None."""
    method = GroupingMethod()
    texts = [form.format(word) for word in words]
    if seed is not None:
        random.Random(seed).shuffle(texts)
    return len({method.final(answer) for answer in [method(text) for text in texts]})


#: The words name what is wrong: as many problems as words.
APART = """
valve motor drive sensor pump fan|{} overheated on station 4
belt gearbox brake coupling chain roller|Conveyor {} fault on line 3
OCF OLF OHF USF OSF SLF SCF|Drive fault {} on conveyor 0
OCA OCD OVA UVT OHT EXT|Inverter trip {}
overcurrent overvoltage undervoltage overtemperature overload overspeed|Spindle drive tripped: {}
Overload Earthfault ShortCircuit MainsPhaseLoss DcOvervoltage|FC302 trip: {}
encoder brake overcurrent tracking communication memory|Servo {} error on joint 2
torque speed position current jerk acceleration|{} limit exceeded on axis 3
hydraulic pneumatic oil water air vacuum|{} pressure too low at press 2
thermistor contactor fuse overload groundfault|Motor protection tripped by {}
BadTimeout BadNodeIdUnknown BadNotConnected BadSecureChannelClosed BadUserAccessDenied|Read of Press.Temp failed with status {}
BadTypeMismatch BadOutOfService BadDeviceFailure BadSessionIdInvalid BadWaitingForInitialData|Write to PLC 3: {}
NoPeer WrongModule LinkDown MissingRecord TopologyMismatch|Profinet diagnosis: {} at port 3
IllegalFunction IllegalDataAddress IllegalDataValue SlaveDeviceFailure SlaveDeviceBusy|MODBUS exception {} from slave 4
AddressOutOfRange DataTypeMissing ObjectDoesNotExist HardwareFault AccessDenied|S7 job error: {} while reading DB5
LocalNodeError DestNodeError ControllerErrorX ServiceUnsupported RoutingError|FINS end code {} from unit 3
OOMKilled ImagePullBackOff CrashLoopBackOff Evicted ErrImagePull|Pod mes-api in state {}
OOMKilled Completed Error StartError DeadlineExceeded|container exited ({})
ConnRefused Timeout BadGateway DnsFailure TlsBroken|Pod failed liveness: {}
HOSTNAME_MISMATCH CERTIFICATE_EXPIRED UNKNOWN_CA BAD_CERTIFICATE PROTOCOL_VERSION|TLS handshake failed: {}
unknown_ca bad_record_mac handshake_failure certificate_revoked decrypt_error|Handshake error: {}
expired revoked untrusted mismatched malformed|x509: certificate {} for broker 3
mosquitto.service nginx.service postgresql.service sshd.service cron.service|{}: Failed with result 'exit-code'.
nginx.service mosquitto.service postgresql.service cups.socket data.mount|Failed to start {} on host 3
exit-code signal timeout core-dump watchdog|mosquitto.service: Failed with result '{}'
failed inactive reloading activating deactivating|Unit nginx entered {} state
sshd crond ntpd postfix cupsd rsyslogd|{}: cannot bind the port 3
unique foreignkey notnull check exclusion|postgres: {} violation in batch 3
deadlock_detected lock_not_available query_canceled disk_full out_of_memory|ERROR {} in statement 3
HYTSA HYCFA HYCED IMSSP HYLEN|query failed: SQLSTATE {}
collision singularity timeout overtravel brownout deadlock|Robot 4 halted: {}
gripper cylinder clamp slide pusher gate|The {} did not reach its end position
clamp unclamp measure release change grip|can not {} the tool in slot 8
left right above below beyond short|axis moved {} of its limit
lost wrong missing failed late|spindle orientation {} on machine 3
plus minus soft hard negative|CNC alarm: {} overtravel on axis 3
worn broken missing expired locked wrong|tool 7 is {}
movement contact stop collision noise|unexpected {} during homing of axis 3
RUNNING STOPPED IDLE ABORTED HELD STARVED|machine state changed to {}
STOP RUN ERROR HOLD STARTUP DEFECT|PLC switched to {} mode
heating cooling holding faulted purging|state of oven 3: {}
DEGRADED FAILED MAINTENANCE STANDBY OFFLINE|status={} on gateway 3
killed crashed finished aborted evicted preempted|exit reason={} for task 8
UnknownHost ConnectRefused ReadTimedOut SSLHandshake TooManyRedirects|HTTP call failed, cause {}
TIMEOUT RESET REFUSED NOROUTE BADAUTH|connection closed by peer: {}
KeepAliveTimeout SessionTakenOver QuotaExceeded PacketTooLarge NotAuthorized|mqtt disconnect reason {} from client 3
jam lightcurtain estop misfeed doubleblank nopart|Cycle aborted, reason: {}
estop lightcurtain doorswitch mat twohand pullcord|safety chain opened by {}
door gate fence hatch curtain|interlock {} open at cell 3
left right rear main upper|emergency stop pressed at {} panel
red green amber blue white yellow|Lamp {} is on at cabinet 2
oil coolant water hydraulic-fluid grease steam|{} leaked at station 4
seal bearing coupling impeller shaft filter|check the {} of pump 4
cavitation vibration leakage dryrun overheating|pump P-101 {} detected
high low empty overfull unstable unknown|level in tank 3 is {}
high low rising falling unstable erratic|temperature {} in chamber 3
aborted interrupted incomplete failed paused|sterilizer cycle {} in chamber 3
porosity undercut spatter crack overlap burnthrough|Weld seam rejected due to {}
current voltage force time gap|weld {} out of range on seam 4
noedge blurred overexposed mislabeled wrongcolor missingcap|Vision check failed ({})
noread multiread badcode dirtylens timeout|scanner reports {} at gate 3
diameter length roundness weight angle surface|quality hold: {} out of tolerance
cap fill label crack foam|bottle rejected, {} at inspection 2
obstacle lowbattery lostpath estop bumper|AGV 3 stops, {}
empty overheated swollen disconnected missing charging|battery {} on AGV 7
battery bypass mains boost overload|UPS on {} since 40 s
upper lower final prevailing seating|torque {} limit at screwdriver 3
contaminated misaligned overheated cracked unlocked|laser head {} at zone 4
overheated cold disconnected shorted unbalanced|Heating zone 3 {}
success failure partial canceled skipped timeout|Job ended: {}
malformed duplicate expired unsigned oversized unroutable|message rejected as {}
login logout authentication lookup creation lockout|user {} did not work on panel 3
missing flipped turned askew upright mispicked|part {} at station 3
created deleted renamed moved copied truncated|file {} on share 3
kopiert gelöscht verschoben umbenannt gesperrt|Datei {} auf Laufwerk 3
profibus profinet ethercat canopen modbus interbus|{} communication lost to PLC 3
ack grant ready home grip|Timeout waiting for {} from robot 3
Ventil Motor Pumpe Sensor Lüfter Getriebe|{} defekt an Station 5
Rolle Antrieb Lager Weiche Stopper Sensor|{} an Förderband 3 blockiert
Überstrom Überspannung Unterspannung Übertemperatur Erdschluss Phasenausfall|Antrieb meldet Störung: {}
Kollision Schutzzaun Lichtvorhang Übertemperatur Encoderfehler Programmfehler|Roboter steht wegen {} in Zelle 3
Kabelbruch Zeitüberschreitung Prüfsumme Kurzschluss Adresskonflikt|Kommunikation gestört: {}
surintensité surtension surchauffe surcharge déséquilibre calage|Défaut moteur: {}
surcharge surchauffe blocage fuite collision|Alarme {} sur presse 4
sobrecorriente sobretensión subtensión sobrecarga sobretemperatura cortocircuito|Fallo del variador: {}
gotea vibra falla calienta para|La bomba {} en la línea 3
sovracorrente sovratensione sottotensione surriscaldamento sovraccarico stallo|Allarme asse 2: {}
inceppamento rottura sovraccarico slittamento stallo|Anomalia {} sul nastro 2
过载 过热 过流 过压 欠压 超速|伺服 {} 请检查
過負荷 過熱 過電流 過電圧 低電圧|主軸 {} 確認
과부하 과열 과전류 과전압 저전압|주축 {} 확인
左轴 右轴 上轴 下轴 前轴 后轴|user {} moved too far
"""
#: The words are names: one problem.
TOGETHER = """
mueller schmidt weber fischer becker|Session of operator {} expired at terminal 4
admin guest jsmith maintenance qa-lead|Login denied for user {} from 10.1.4.7
ann ben cid dot eve fay|GET for user {} took 400 ms
alice bertrand chloe dmitri emeka|user={} action=download size=4000
lena marco ingrid pavel yuki rafael|deleted file from share by {}
huber lechner gruber steiner bauer|Benutzer {} hat sich abgemeldet
dupont martin bernard moreau lefevre|utilisateur {} deconnecte du poste 3
garcia lopez sanchez romero navarro|El usuario {} no tiene permiso para esta accion
rossi bianchi ferrari colombo ricci|Utente {} disconnesso dal terminale 2
plc-north gateway-west scada-main press-hmi welder-pc|host {} unreachable via ping
alpha beta gamma delta omega|host {} unreachable
hydra kraken medusa gorgon cyclops|node "{}" joined the cluster
alpenrose edelweiss enzian murmel gams|Verbindung zu Server {} verloren
paris lyon nantes brest lille|le serveur {} ne répond pas depuis 30 s
mesdb erpdb histdb labdb archivedb|Database connection to {} lost, retry in 5 s
orders shipments labels quality returns|queue {} is full
orders shipments labels quality returns|Queue "{}" has no consumers
auftraege etiketten rueckmeldung transport pruefung|Warteschlange {} enthält 4000 Einträge
pedidos etiquetas avisos envios facturas|la cola {} está llena
telemetry alarms-raw press-cycles robot-poses audits|Topic {} has a lag of 4000 messages
hall/press/status hall/oven/status dock/robot/fault dock/scale/state yard/gate/alarm|Publish to {} was not acknowledged
orders presses_in ovens_in robots_in scales_in|topic={} partition=3 lag=400
config.xml recipe.dat orders.csv layout.json tags.ini|File {} could not be opened
ordini.csv ricette.xml turni.ini mappa.json conf.yaml|il file {} non trovato sul disco 2
orders batches operators recipes samples|Table {} is locked by session 88
idx_orders idx_batches idx_tags idx_logs idx_users|Index {} rebuilt in 40 s
Boiler.Temp Mixer.Speed Tank.Level Press.Force Oven.Zone|Tag {} has bad quality
cam-a scanner-b reader-c scale-d printer-e|Device {} did not answer in 3 s
PICK_TWO PLACE_TRAY HOME_ALL WELD_SEAM GRIP_TEST|robot program {} started by operator 7
Vanilla Cocoa Hazelnut Caramel Lemon|Recipe '{}' loaded on mixer 2
archive home projects mail recipes|Backup of volume {} finished
production staging analytics quality logistics|namespace {} exceeded its quota
main-poller opc-reader sql-writer report-gen cleanup|Thread [{}] blocked for 30 s
PressCycle RobotPose OvenZone AlarmEvent ShiftReport|Schema {} not found in registry
Nordhof Westend Bahnhof Altbau Neuwerk|Lieferung an Lager {} gebucht
Bosch Festo Igus Wago Phoenix|Order from supplier {} is late by 3 days
mes.local erp.local hist.local|Could not resolve {} within 5 s
"""


def _rows(table: str) -> list[tuple[str, list[str]]]:
    rows = [line.split("|") for line in table.strip().splitlines()]
    return [(form, words.split()) for words, form in rows]


@pytest.mark.parametrize(("form", "words"), _rows(APART))
def test_what_names_the_fault_stays_apart(form: str, words: list[str]) -> None:
    """As many problems as words, in any order."""
    for seed in range(3):
        assert problems(form, words, seed) == len(words)


@pytest.mark.parametrize(("form", "words"), _rows(TOGETHER))
def test_names_join(form: str, words: list[str]) -> None:
    """One problem, in any order."""
    for seed in range(3):
        assert problems(form, words, seed) == 1


def made_up(length: int = 7) -> st.SearchStrategy[str]:
    """Words of no language, none of them listed."""
    letters = [st.sampled_from("bcdfgklmnprstvz"), st.sampled_from("aeiou")]
    word = st.tuples(*(letters[at % 2] for at in range(length))).map("".join)
    return word.filter(lambda text: not names_fault(text) and text[0] != text[2])


_REASONS = (
    "transfer failed: {}",
    "transfer to line 3 failed: {} seen",
    "spindle tripped: {}",
    "drive fault {} on conveyor 3",
    "read failed with status {}",
    "cycle stopped, reason {} in zone 3",
    "run ended, code = {} at 3",
    "stopped because of {} in cell 3",
    "door 3 is {}",
    "the {} of cell 3 stands still",
    "cell 3 could not {} the part",
    "blorp {} error in cell 3",
    "Antrieb meldet {} an Achse 3",
    "arrêt cause {} sur ligne 3",
    "parada por causa {} en celda 3",
    "fermo per guasto {} in cella 3",
    "{}: no answer for 3 s",
)


@given(st.lists(made_up(), min_size=25, max_size=30, unique=True), st.sampled_from(_REASONS))
@settings(max_examples=30, deadline=None)
def test_words_where_a_reason_stands_never_join_however_many(words: list[str], form: str) -> None:
    """Also words that no list knows: the place decides."""
    assert problems(form, words) == len(words)


def camel(word: str) -> str:
    return word[:3].title() + word[3:].title()


@pytest.mark.parametrize("seed", range(20))
def test_words_in_capitals_and_camels_are_reasons_where_nothing_says_name(seed: int) -> None:
    """Not even amid a sentence; behind the word for a thing they are names."""
    chance = random.Random(seed)
    made = ["".join(chance.choice("aeiou" if at % 2 else "bcdfgklmnprstvz") for at in range(7)) for _ in range(60)]
    fine = [word for word in dict.fromkeys(made) if not names_fault(word) and word[0] != word[2]]
    words = [word.upper() for word in fine if not tells_fault(camel(word)) and word[:3] != "sig"][:28]
    camels = [camel(word) for word in words]
    for form in ("cell 3 saw {} near the gate", "cell mode={} at 3", "link to {} closed at 3"):
        assert problems(form, words) == problems(form, camels) == len(words)
    assert problems("queue {} is long", words) == problems("host '{}' is slow", camels) == 1


@given(st.lists(made_up(), min_size=12, max_size=16, unique=True), st.randoms())
@settings(max_examples=25, deadline=None)
def test_where_nothing_tells_it_takes_more_words(words: list[str], chance: random.Random) -> None:
    """Five are enough where a name is announced, twelve amid a sentence, forty where the subject stands."""
    seed = chance.randrange(100)
    assert problems("user {} logged out", words[:5], seed) == 1
    assert problems("blorp {} drex the fnord", words[:11], seed) == 11
    assert problems("blorp {} drex the fnord", words, seed) == 1
    assert problems("{} drex the blue fnord", words, seed) == len(words)


def test_a_listed_word_stays_apart_from_names() -> None:
    """It never joins, and where there are several of them their place is none of names."""
    names = ["anzio", "brno", "cadiz", "derby", "essen", "fulda"]
    assert problems("queue {} is slow", [*names, "overflow"]) == 2
    assert problems("queue {} is slow", ["overflow", "underrun", "timeout", *names[:5]], seed=None) == 8


def test_a_word_known_as_a_name_counts_twice_elsewhere() -> None:
    """Where nothing announces names, six known ones are enough."""
    names = ["anzio", "brno", "cadiz", "derby", "essen", "fulda"]
    method = GroupingMethod()
    for form in ("login user={} tty=3", "blorp {} drex the fnord"):
        answers = [method(form.format(name)) for name in names]
        assert len({method.final(answer) for answer in answers}) == 1


def test_where_values_stand_too_persons_have_any_name() -> None:
    """One with a digit in it shows that names stand there; a name may then be a listed word."""
    names = ["anna", "bert", "carl", "dora", "emil", "FILTER", "PlcmSpIp"]
    assert problems("login, user {} came", ["anna1", *names], seed=None) == 1
    assert problems("user {} came", names, seed=None) == 2


def test_a_value_and_a_word_join_only_where_names_stand() -> None:
    """ "fault 17" beside "fault overload" says nothing of faults."""
    for form, count in (("user {} came in", 1), ("drive fault {} near gate", 2), ("cell {} drex the fnord", 2)):
        assert problems(form, ["<*>", "anzio"]) == count


@pytest.mark.parametrize(
    ("text", "word", "place"),
    [
        ("valve overheated on <*>", "valve", Place.SUBJECT),
        ("sshd: session of alice closed", "sshd", Place.FIXED),
        ("user alice logged out", "alice", Place.PERSON),
        ("error of user alice in cell", "alice", Place.PERSON),
        ("host: alpha, port: <*>", "alpha", Place.NAME),
        ("no answer from host: timeout", "timeout", Place.FIXED),
        ("exit_reason=jam in cell", "jam", Place.FIXED),
        ("srcHost=alpha in cell", "alpha", Place.NAME),
        ("color=ochre in cell", "ochre", Place.FIXED),
        ("mood=sunny in cell", "sunny", Place.MARKED),
        ("connection to mesdb lost", "mesdb", Place.MARKED),
        ("unable to open the gate", "open", Place.FIXED),
        ("tripped by fuse on <*>", "fuse", Place.FIXED),
        ("chdir(pwd) did nothing", "pwd", Place.MARKED),
        ("pump ended (dry)", "dry", Place.FIXED),
        ("it saw x near here", "x", Place.FIXED),
    ],
)
def test_places(text: str, word: str, place: Place) -> None:
    """What stands around a word says what it may be."""
    tokens = tuple(
        text.replace("(", " ").replace(")", " ").replace(":", " ").replace("=", " ").replace(",", " ").split()
    )
    assert places(tokens, text)[tokens.index(word)] == place


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=8), max_size=12))
@settings(max_examples=100, deadline=None)
def test_every_token_has_a_place_whatever_the_text(text: str, tokens: list[str]) -> None:
    """Also where the tokens do not stand in the text."""
    found = places(tokens, text)
    assert len(found) == len(tokens)
    assert set(found) <= set(Place)
