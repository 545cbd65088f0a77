"""Words that name a part, a symptom, a reason or a state: texts that differ in one are different problems.

Data for the late merger and nothing else. The list is fixed: what a site or the playbook knows does not change
which patterns are one. It adds to what position and form say (:mod:`andon.grouping.places`) and need not be whole.
"""

from __future__ import annotations

import re

from andon.core.remembered import remembered

_ENGLISH = """
    accumulator actuator agitator airbag amplifier anode antenna arm armature auger axis axle backlash barrel battery
    beam bearing bellows belt blade blower board boiler bolt bowl brake breaker brush buffer burner bus bushing busbar
    cabinet cable calibrator cam camera capacitor carriage carrier cartridge casing cathode cell chain chamber chassis
    chiller chip chuck circuit clamp clutch coil collar collet column compressor condenser conductor connector contact
    contactor controller converter conveyor coolant cooler cooling coupling cover crane crankshaft cutter cylinder
    damper detector diaphragm die diode display diverter door drain drill drive driver drum duct ejector electrode
    electronics elevator enclosure encoder engine evaporator exchanger exhaust extruder fan feeder filler filter
    fixture flange flap flywheel frame freezer furnace fuse gantry gasket gate gauge gear gearbox generator grating
    grease grinder gripper guard guide hammer handle harness head heater heatsink hinge hoist hood hopper hose housing
    hydraulics igniter impeller indicator inductor injector inlet insulation interlock inverter jack jaw joint keypad
    ladle lamp laser latch lens lever lid lift lightcurtain limiter liner linkage loader lock lubricant magazine
    magnet manifold manipulator membrane memory mill mirror mixer mold mould motherboard motor muffler needle nozzle
    oil outlet oven pad pallet pedal pinion pipe piston pivot plug plunger pneumatics pocket pole potentiometer
    powersupply press probe processor propeller pulley pump punch pusher rack radiator ram ratchet reactor receiver
    rectifier reducer refrigerant regulator relay relief resistor resolver robot rod roller rotor sander saw scale
    scanner scraper screw scrubber seal sensor separator servo shaft shell shield shutter shuttle silencer silo skid
    sleeve slide slider socket solenoid spindle spool spray spring sprocket stacker starter stator strainer switch
    tachometer tailstock tank tap tensioner terminal thermistor thermocouple thermostat thruster tool torch transducer
    transformer transmission transmitter tray trolley turbine turntable turret valve vane vent vessel vibrator wafer
    welder wheel winch winder winding wiper wire wiring acceleration acidity air alignment altitude amperage angle
    capacity clearance concentration conductivity consumption coolantlevel counterpressure current curvature density
    diameter displacement distance feedrate flow force frequency height humidity inertia length level load moisture
    noise oxygen pitch porosity position power pressure radius resistance roughness roundness speed steam surface
    temperature tension thickness throughput tolerance torque turbidity vacuum velocity vibration viscosity voltage
    volume water wear weight width
    accepted acknowledged active alarm alarmed armed authentication authorization automatic bad busy calibrating
    certificate checksum cleared communication completed configuration connect connected connection crc critical
    degradation denied deny disarmed done emergency estop ethernet eviction exception expiry finished firmware
    forbidden granted handshake hardware heartbeat high homed homing hungup ignored illegal initialisation
    initialization initializing killed locked login logout manual mute network normal notfound ok oom overwritten
    paused parity pending permission permitted protocol quota ready refused released reset resumed revoked safety
    secured segfault setup signature skew software standby started starting stopping success succeeded synchronization
    synchronisation syntax terminated throttling traffic transition truncated unauthorized unavailable unknown unlock
    unsupported updated warning warmup left right up down upper lower front rear top bottom inner outer forward
    backward forwards backwards clockwise counterclockwise anticlockwise above below beyond behind upstream downstream
    inbound outbound inside outside horizontal vertical lateral positive negative plus minus infeed outfeed red green
    amber yellow blue white black orange purple violet pink brown grey gray cyan magenta on off true false yes no none
    null lookup creation deletion registration lockout start stop jog clear teach enable disable unload intervention
    acknowledgement assistance confirmation refill attention approval
"""
# Nothing but what is wrong: a compound with one of these is no name of a thing ("MotorOverload", "door_open").
_SYMPTOMS = """
    abrasion abort aborted absent ajar arcing bent blackout bleed blocked blockage blown blurred bounced bouncing
    breakage breakdown broken brownout burned burnt burst buckled cancelled canceled cavitation chatter chipped clash
    clogged closed cold collapse collapsed collided collision condensation congestion contaminated contamination
    corroded corrosion corrupt corrupted corruption crack cracked crash crashed creep crushed damage damaged dead
    deadlock decoupled deflated deformed degraded delamination delayed dented depleted derailed desync detached
    deviation dirty disabled disconnect disconnected discharged displaced distorted disturbed drained drift dropped
    dropout dry duplicate earthfault eccentric empty enabled eroded error exceeded excessive exhausted expired
    exploded fail failed failing failure fallen fatigue fault faulted faulty fire flashover flicker flood flooded foam
    fog foreign fouled fracture fractured freewheeling friction frozen full fused gap glitch groundfault halted hang
    hard hazard held hot hung hunting icing idle imbalance imbalanced implausible inactive incomplete inhibited
    interference interrupted interruption invalid inverted inverse isolated jam jammed jitter jump kinked knock late
    leak leakage leaked leaking limp loose loosened lost low malformed malfunction melted misaligned misalignment
    misfeed misfire mismatch missing mistimed muted nodata noisy obstructed obstruction occluded offline offset open
    opened oscillating oscillation outage overflow overheat overheated overheating oversized overrun overtravel
    overlap overdue oxidation panic parted partial peeled pinched pitted plugged polluted preempted punctured quenched
    rattling ragged rejected resonance restarted reversed ripped rough ruptured running rust rusted saturated scorched
    scratch scratched seized separated severed shattered shed sheared shock short shorted shortage shortcircuit
    shutdown singularity skewed skipped slack slip slipped slipping slow sluggish smoke smoking soiled spark spatter
    spike spill spilled splash split stale stalled stall starved starvation stick sticking stopped stray stuck surge
    suspended swollen tangled tear throttled tilted timeout timedout tipped torn trapped trip tripped twisted
    unbalanced unbalance uncalibrated undercut underflow underrun unlatched unlocked unplugged unpowered unreachable
    unstable unsteady unstretched vibrating warped watchdog waterlogged wet wobble wobbling worn wrinkled
"""
_GERMAN = """
    abluft abzug achse akku anode anlage anker antrieb aufzug ausleger band batterie behälter beleuchtung bremse
    brenner bürste deckel dichtung drehgeber drehteller drossel druckluft düse elektrode elektronik endschalter
    entlüftung exzenter fahrwerk feder fenster filter flansch flügel förderband führung gebläse geber gehäuse gelenk
    generator getriebe gewinde gitter greifer hahn hebel heizung hubwerk hülse kabel kamera kammer kanal keilriemen
    kessel kette klappe klemme kolben kompressor kondensator kontakt kran kreislauf kühler kühlmittel kühlung
    kupplung kurbel lager lampe laser leitung leuchte lichtgitter lichtschranke lüfter magnet manometer masse
    membran messer messgeber mischer motor nadel netzteil nocken ofen pedal platine platte presse puffer pumpe rad
    rahmen regler relais riegel riemen ring ritzel roboter rohr rolle rührer rutsche säge sauger schalter
    schaltschrank scheibe schieber schiene schlauch schlitten schloss schmierung schnecke schranke schraube schütz
    schutzgitter sensor sicherung sieb silo spannfutter spannzange spindel spritze spule stecker stempel steuerung
    stütze tank taster teller thermostat tor transformator trichter trommel tür turbine umrichter ventil verdichter
    verstärker wächter waage walze wanne wärmetauscher welle werkzeug wicklung zange zange zelle zuführung zylinder
    abstand beschleunigung dichte dicke drehmoment drehzahl druck durchfluss durchmesser feuchte feuchtigkeit
    frequenz füllstand geschwindigkeit gewicht höhe kraft lage länge leistung niveau öl position spannung strom
    temperatur toleranz vakuum vibration weg widerstand winkel wasser luft dampf abbruch abgelaufen abgenutzt
    abgerissen abgesackt abgeschaltet abgestürzt absturz adresskonflikt aus ausfall ausgefallen ausgelöst
    ausgeschaltet bereit beschädigt bewegung blockade blockiert brand bruch defekt drahtbruch dringend durchgebrannt
    eingefroren eingeklemmt ein einschaltsperre entladen entriegelt erdschluss erschöpft fehlend fehler fehlt fertig
    festgefahren feucht feuer gealtert gebrochen geknickt gelöst geöffnet gerissen gesperrt geschlossen gestartet
    gestoppt gestört getrennt glimmbrand heiß instabil kabelbruch kalt klemmt kollision kommunikation korrosion
    kurzschluss laufend leckage leck leer locker lose notaus notbetrieb notstopp offen phasenausfall prüfsumme rauch
    reibung riss rost rutscht schleppfehler schlupf schmutz schwergängig schwingung spannungsausfall stau steht
    stillstand störung überdruck überhitzt überhitzung überlast überlastet überlauf überstrom überspannung
    übertemperatur undicht ungültig unterbrechung unterbrochen unterdruck unterspannung unwucht verbogen verklemmt
    verkantet verklebt verloren verriegelt verschleiß verschlissen verschmutzt verstopft vereist voll wackelkontakt
    warm warnung wartung zeitüberschreitung zerstört zugesetzt links rechts oben unten vorne hinten innen außen
    vorwärts rückwärts rot grün gelb blau weiß schwarz hoch niedrig
"""
_FRENCH = """
    accouplement aimant alimentation ampoule arbre armoire axe bande barrière bobine bouchon bouton broche brûleur
    câble capot capteur carter chaîne chaudière chauffage clapet codeur commande compresseur conduite convoyeur
    courroie coussinet couteau couvercle cuve cylindre disjoncteur échangeur électrovanne embrayage encodeur
    engrenage entraînement filtre four frein fusible gaine galet générateur interrupteur joint lampe levier
    lubrifiant mélangeur moteur onduleur outil palier pignon pince piston pompe porte poulie presse raccord
    réducteur régulateur refroidisseur relais ressort réservoir robinet rotor rouleau roulement soupape tambour
    tapis tête transformateur trémie turbine tuyau variateur ventilateur vanne verrin vérin verrou vis volant
    accélération courant couple débit épaisseur fréquence humidité niveau pression puissance température tension
    vide vitesse huile eau vapeur absent arrêt arrêté bloqué blocage bourrage brûlé calage cassé chaud choc colmaté
    coupé coupure court-circuit débordement décalage déclenché déconnecté défaillance défaut défectueux déphasage
    dérive désaligné déséquilibre échec effondré endommagé encrassé éteint expiré fermé fissuré fuite fumée gelé
    gênant grippé hors-service incendie incomplet instable interrompu invalide manquant marche obstrué ouvert panne
    patinage perdu perte plein rayé refusé rompu rouillé rupture saturé surcharge surchauffe surintensité
    surpression surtension survitesse usé usure verrouillé vide vibration gauche droite haut bas avant arrière rouge
    vert jaune bleu blanc noir
"""
_SPANISH_ITALIAN = """
    accionamiento acoplamiento aceite agua bomba brazo cabezal cable cadena caja caldera calentador cilindro cinta
    codificador cojinete compresor compuerta correa eje embrague engranaje enfriador filtro freno fusible guía horno
    husillo junta lámpara manguera mandril mezclador motor pinza pistón polea prensa puerta reductor refrigerante
    resorte rodamiento rodillo rueda sensor tanque tapa tobera tolva tornillo transportador tubería turbina válvula
    variador ventilador caudal corriente fuerza frecuencia humedad nivel par potencia presión temperatura tensión
    vacío velocidad abierto abierta agotado apagado atascado atasco averiado avería bloqueado bloqueo caliente
    cerrado cerrada choque cortocircuito dañado desalineado desconectado desequilibrio desgaste desgastado
    deslizamiento detenido encendido error fallo falla fuga fundido goteo humo incendio inestable inválido lleno
    parada parado pérdida perdido quemado retraso rotura roto sobrecarga sobrecalentamiento sobrecorriente
    sobrepresión sobretemperatura sobretensión sobrevelocidad sucio suelto subtensión vacío vencido izquierda
    derecha arriba abajo delante detrás rojo verde amarillo azul blanco negro albero ammortizzatore argano asse
    azionamento braccio caldaia camma carrello catena cavo centralina cilindro cinghia cuscinetto elettrovalvola
    filtro forno freno frizione fungo fusibile giunto guarnizione guida ingranaggio interruttore lama lampada
    mandrino manicotto manometro molla morsetto motore motoriduttore nastro olio pinza pistone pompa porta pressa
    pulsante puleggia quadro raffreddamento regolatore ricevitore riduttore riscaldatore robot rubinetto ruota rullo
    scheda sensore serbatoio sonda statore tamburo tappo tramoggia trasportatore trasformatore tubo ugello utensile
    valvola ventola ventilatore vite volano acqua aria corrente coppia forza frequenza livello portata potenza
    pressione temperatura tensione umidità velocità vuoto acceso allentato aperto aperta bloccato blocco bruciato
    caldo chiuso chiusa collisione cortocircuito danneggiato difettoso disallineato disconnesso fermo fermato
    fessurato fumo fuoriuscita grippato guasto incendio inceppamento inceppato instabile interrotto intasato
    logorato mancante mancanza ostruito perdita perso pieno rotto rottura scaduto scarico scollegato sconnesso
    sfasamento slittamento spento sporco squilibrio stallo sovraccarico sovracorrente sovrapressione
    sovratemperatura sovratensione sovravelocità sottotensione surriscaldamento surriscaldato urto usura usurato
    vuota sinistra destra alto basso avanti indietro rosso giallo bianco nero
"""
_CJK = """
    电机 马达 泵 阀 阀门 传感器 编码器 主轴 轴承 皮带 电池 电缆 风扇 过滤器 制动器 油 水 气 压力 温度 电流 电压 速度
    过载 过热 过流 过压 欠压 超速 超时 故障 报警 停止 运行 断线 短路 泄漏 碰撞 左 右 上 下 前 后 红 绿 黄 蓝 开 关
    モーター モータ ポンプ バルブ センサ センサー エンコーダ 主軸 軸受 ベルト バッテリ ケーブル ファン フィルタ
    ブレーキ 圧力 過負荷 過熱 過電流 過電圧 低電圧 異常 停止 断線 短絡 漏れ 衝突 タイムアウト 赤 緑 黄 青 開 閉 모터
    펌프 밸브 센서 엔코더 주축 베어링 벨트 배터리 케이블 팬 필터 브레이크 압력 온도 전류 전압 속도 과부하 과열
    과전류 과전압 저전압 이상 정지 단선 단락 누설 충돌 시간초과 적색 녹색 황색 청색 열림 닫힘
"""
FAULT_WORDS = frozenset(" ".join((_ENGLISH, _SYMPTOMS, _GERMAN, _FRENCH, _SPANISH_ITALIAN, _CJK)).casefold().split())

_WRONG = frozenset(_SYMPTOMS.split()) | {"high", "over", "under", "no", "not", "wrong", "weak", "fault", "stop"}
_PARTS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
# "overspeed", "Unterspannung", "surintensité": a quantity that left its range.
_OUT_OF_RANGE = ("over", "under", "über", "unter", "sobre", "sub", "sur", "sous", "sovra", "sotto", "mis", "ueber")
# German writes "Hydraulikpumpe" as one word; the part it names stands last. So do some English ones: "lightcurtain".
_SHORTEST_HEAD = 5


@remembered(16_384)
def names_fault(word: str) -> bool:
    """Whether ``word`` (or its last part, of one with dashes or underscores) is listed, also in the plural or a tense.

    >>> names_fault("over-current"), names_fault("Ölpumpe"), names_fault("valves"), names_fault("alice")
    (True, True, True, False)
    """
    last = word.casefold().replace("-", "_").rpartition("_")[2]
    if last in FAULT_WORDS or any(len(last) - cut > 3 and last[:-cut] in FAULT_WORDS for cut in (1, 2)):
        return True
    return out_of_range(last) or any(last[start:] in FAULT_WORDS for start in range(3, len(last) - _SHORTEST_HEAD + 1))


def out_of_range(word: str) -> bool:
    """Whether ``word`` (in small letters) is a quantity that left its range: "overcurrent"."""
    return any(word.startswith(prefix) and word[len(prefix) :] in FAULT_WORDS for prefix in _OUT_OF_RANGE)


@remembered(16_384)
def tells_fault(word: str) -> bool:
    """Whether a compound has a part that says what is wrong.

    >>> tells_fault("MotorOverload"), tells_fault("LOW_AIR"), tells_fault("tank_level"), tells_fault("leak")
    (True, True, False, False)
    """
    parts = [part.casefold() for part in _PARTS.findall(word)]
    return len(parts) > 1 and any(part in _WRONG or out_of_range(part) for part in parts)
