"""Log lines of many makers and programs, as an expert would file them; and lines that say too little.

They are none of the rules' own examples: they hold what the rules have to recognise in other words and languages.
"""

from __future__ import annotations

#: category (or several that an expert accepts) | service | host | message
_TELLING = r"""
plc | plc-press4 | press-04 | Siemens S7-1500: diagnostics buffer event 16#02:4562 'STOP due to programming error (OB121 not loaded)'
plc | s7-cell9 | cell9 | CPU 315-2 PN/DP: SF und BUSF LED leuchten, CPU in STOP gegangen
plc | compactlogix | l36er | Fault: Type 01 Code 62 - Power lost, nonvolatile memory program load failed
plc | beckhoff-cx | cx5130 | TwinCAT: Task 'PlcTask' exceeded cycle time 12 times in the last minute
plc | omron-nx | nx102 | Major fault level controller fault: 0x80230000 Unit configuration error
plc/network | s7comm | scada-02 | Verbindung zur SPS 192.168.10.20 unterbrochen (Timeout nach 5000 ms)
plc/sensor/electrical | et200sp | station-14 | AI 4xI module slot 6 channel 2: wire break, measured value 32767
drive | sinamics-g120 | conv-12 | F30002 DC link overvoltage during ramp-down
drive | powerflex | pf525-3 | Fault F064 Drive Overload
drive | abb-acs580 | fan-3 | Fault 2310 Overcurrent, motor cable or load
drive/motion | yaskawa-sgd | axis-z | A.710 instantaneous overload servopack
drive/electrical | danfoss-fc302 | pump-7 | Alarm 14 Earth fault at motor output
drive/electrical | sew-movitrac | hubtisch | F06 Netzphasenausfall am Umrichter erkannt
drive | vlt | blower-1 | Wechselrichter Übertemperatur Kühlkörper 94 °C, Lüfter prüfen
motion | fanuc-cnc | lathe-2 | SV0411 EXCESS ERROR (MOVING) X AXIS
motion | sinumerik | mill-7 | 25050 Axis Y1 contour monitoring
motion | heidenhain | dmu50 | Position error in axis C: following error too large
motion/sensor | indradrive | axis-b | F2043 Encoder 1 signal amplitude insufficient, check measuring system
mechanical/motion/drive | haas | vf2 | Alarm 120 LOW AIR PRESSURE or tool changer arm not home
motion/mechanical | okuma | lb3000 | ATC magazine pot not in position, tool change timeout
robot | kuka-krc4 | r12 | KSS00276 Robot parameters not equal to robot type
robot | fanuc-r30ib | r3 | SRVO-050 Collision Detect alarm (Group:1 Axis:4)
robot | abb-irc5 | irb6700 | 50027 Joint out of range: axis 3 exceeded upper limit
robot | ur10e | cobot-2 | Protective stop: C153A2 position deviates from path, joint 2
robot | motoman | mh24 | ALARM 4315 COLLISION DETECT (SHOCK SENSOR)
robot | staubli | tx2 | Brake release failed on joint 5, arm power cannot be enabled
safety | pilz-pnoz | cell-3 | PNOZmulti: E-STOP pushbutton S2 channel 1/2 discrepancy, output O0 off
safety | sick-flexi | gate | microScan3 protective field 1 interrupted, OSSD off
safety | guardlogix | cell-8 | Safety partner lost, safety task inoperable
safety | tür | zelle-5 | Schutztür 3 geöffnet während Automatikbetrieb, Anlage angehalten
safety | not-halt | linie-2 | NOT-AUS betätigt an Bedienpult 4
safety | presse | p800 | Two hand control: buttons not released within 0.5 s, synchronous actuation fault
sensor | ifm-o1d | st-12 | Distance sensor signal strength too low, lens contaminated
sensor | endress | tank-4 | Promag 53 flowmeter: empty pipe detected, electrode fault E102
sensor | tt-401 | reactor-2 | Temperature transmitter TT-401 sensor break, output at 3.6 mA
sensor | weighing | filler-3 | Load cell 2 out of range: 4.9 mV/V, zero drift
sensor | cognex | vision-4 | In-Sight camera: image acquisition failed, trigger overrun
sensor | keyence | sr-2000 | Barcode reader NOREAD rate 18 % on lane 2
sensor | prox | feeder-1 | Proximity switch B14 stuck on, part present for 600 s
pneumatic_hydraulic | festo-cpx | valve-island-2 | Supply pressure below 4.5 bar, valves disabled
pneumatic_hydraulic | hydraulikaggregat | presse-1 | Ölstand zu niedrig, Hydraulikpumpe abgeschaltet
pneumatic_hydraulic | hpu-3 | press-3 | Oil filter differential pressure high, bypass about to open
pneumatic_hydraulic | bosch-rexroth | inj-4 | Proportional valve spool position deviation, pressure setpoint 160 bar not reached
pneumatic_hydraulic | zylinder | st40 | Cylinder A2 end position not reached within 3 s
pneumatic_hydraulic | vacuum | pick-2 | Suction cup vacuum lost -0.2 bar, part dropped
pneumatic_hydraulic | atlas-copco | komp-1 | Compressor GA37: element outlet temperature shutdown 120 °C
mechanical | conveyor | cv-14 | Belt slippage detected: tail pulley speed 62 % of head pulley
mechanical | förderband | fb-3 | Stau auf Förderband, Paket klemmt an Weiche 2
mechanical | conveyor-merge | cv-22 | Jam at photo-eye PE22 for 12 s, zone stopped
mechanical | gearbox | mixer-1 | Gearbox vibration 11.2 mm/s RMS exceeds ISO 10816 zone D
mechanical | bearing-monitor | fan-9 | Bearing DE temperature and envelope acceleration rising, outer race defect frequency
mechanical | lubrication | press-1 | Central lubrication: no pressure build-up, grease level low
process | oven | oven-3 | Zone 4 actual 182 °C, setpoint 210 °C, deviation alarm for 10 min
process | furnace | ofen-1 | Thermoprozess: Ofentemperatur 1240 °C über Grenzwert 1200 °C
process | brennersteuerung | burner-2 | Flame failure during safety time, burner lockout
process | injection | im-12 | Melt cushion too small 1.2 mm, shot weight out of tolerance
process | filler | fill-2 | Fill volume below lower limit on nozzle 8, 23 bottles rejected
process | packaging | wrap-1 | Film break detected, seal temperature low
process | dosing | mix-5 | Dosing deviation component B +7.4 % exceeds tolerance 2 %
process | autoclave | ac-1 | Pressure decay test failed, leak rate 0.8 mbar/min
power | apc-smartups | ups-2 | UPS: on battery power in response to an input power problem
power | eaton | ups-7 | Battery test failed, replace battery pack 2
power | pdu | rack-4 | PDU outlet bank B breaker tripped
power/electrical | janitza | main | Phase L2 undervoltage 187 V for 400 ms
power | quint4 | cab-9 | 24 VDC power supply output voltage low 21.3 V, load 104 %
power | generator | gen-1 | Genset failed to start after 3 crank attempts
electrical | rcd | cab-3 | RCD 30 mA tripped feeder F12
electrical | mcc | mcc-2 | Motor protection switch Q14 tripped (thermal)
network | profinet | line-1 | PN device et200sp-03: return of station / station failure repeating
network | ethernet-ip | cell-4 | CIP connection timeout to 1734-AENT at 192.168.1.44, I/O connection lost (16#0204)
network | modbus-gw | gw-1 | Slave 7: no response after 3 retries, function 03
network | canopen | agv-4 | CAN bus-off state entered, TX error counter 256
network | cisco-sw | sw-12 | %LINK-3-UPDOWN: Interface GigabitEthernet1/0/24, changed state to down
network | hirschmann | mrp | MRP ring open, redundancy lost between port 1 and 2
network | fortigate | fw-1 | IPsec tunnel to HQ down, DPD failure
network | wlan | ap-7 | AGV client 00:1b:44 deauthenticated, RSSI -86 dBm, roaming failed
network | bind9 | dns-1 | client query failed SERVFAIL for mes.plant.local
network | systemd-resolved | mes-3 | Server returned error NXDOMAIN, Temporary failure in name resolution
network | isc-dhcpd | dhcp | DHCPDISCOVER from 00:0e:8c: network 10.2.0/24: no free leases
network | opcua-client | edge-1 | BadConnectionClosed: session to opc.tcp://10.1.1.5:4840 terminated
certificate/security | opcua-server | kep-1 | BadCertificateUntrusted: client certificate rejected, move to trusted folder
certificate | nginx | proxy-1 | SSL_do_handshake() failed (SSL: error:0A000086: certificate verify failed)
certificate | vault | pki | x509: certificate has expired or is not yet valid: current time 2026-03-01 is after 2026-02-27
certificate | java-app | erp-1 | PKIX path building failed: unable to find valid certification path to requested target
storage | kernel | srv-2 | blk_update_request: I/O error, dev sdb, sector 192837
storage | mdadm | nas-1 | md0: Disk failure on sdc1, disabling device. Operation continuing on 2 devices
storage | zed | nas-2 | ZFS pool tank state DEGRADED, vdev checksum errors
storage | ext4 | hist-1 | EXT4-fs error (device dm-0): ext4_find_entry: reading directory lblock 0; remounting filesystem read-only
storage | smartd | srv-9 | Device: /dev/sda, 24 Currently unreadable (pending) sectors
storage | rsyslog | log-1 | write failed: no space left on device /var/log
storage | veeam | bkp-1 | Backup job 'MES nightly' failed: insufficient free space on repository
storage | iscsid | esx-2 | connection1:0 detected conn error (1020), session recovery timed out
storage | nfs | hmi-2 | nfs: server nas-1 not responding, still trying
server | kernel | srv-4 | Out of memory: Killed process 2314 (java) total-vm:8123456kB
server | ipmi | srv-5 | Fan 3 below lower critical threshold, 0 RPM
server | kernel | srv-8 | EDAC MC0: 1 CE memory read error on CPU_SrcID#0 DIMM_A1
server | kernel | srv-6 | watchdog: BUG: soft lockup - CPU#3 stuck for 22s!
server | systemd | edge-4 | myapp.service: Main process exited, code=exited, status=203/EXEC
server | windows | hmi-9 | The Print Spooler service terminated unexpectedly. It has done this 3 time(s).
server | eventlog | scada-1 | Event 41 Kernel-Power: The system has rebooted without cleanly shutting down first
server | vmware | esx-1 | Virtual machine mes-db-1 is not responding to heartbeat, vSphere HA restart
server/storage | esxi | esx-3 | Host lost access to datastore, all paths down (APD)
database | mssql | erp-db | Transaction (Process ID 63) was deadlocked on lock resources with another process
database | oracle | mesdb | ORA-01653: unable to extend table MES.HIST by 8192 in tablespace USERS
database | oracle | mesdb | ORA-00257: archiver error. Connect internal only, until freed
database | postgres | hist | FATAL: sorry, too many clients already
database | postgres | hist | ERROR: canceling statement due to statement timeout
database | mysqld | erp | Got an error reading communication packets; Aborted connection 1123 to db: 'mes'
database | mongod | iot | replSet member is unhealthy: rs02:27017 Election timed out
database | influxd | hist-2 | engine: cache-max-memory-size exceeded
database | mssql | erp-db | Login failed for user 'mes_app'. Reason: Password did not match
application | kafka | brk-2 | Under-replicated partitions 14, ISR shrink for topic machine.events
application | rabbitmq | mq-1 | memory resource limit alarm set on node rabbit@mq-1, publishers blocked
application | activemq | mq-2 | Usage Manager store limit reached 100%, producer blocked
application/network | mosquitto | edge-2 | Client plc-7 has exceeded timeout, disconnecting
application | nats | bus | Slow Consumer Detected: WriteDeadline of 10s exceeded, cid 44
application | sap-pco | erp-i | IDoc 000123 status 51: application document not posted
application | sap | erp | Short dump ABAP runtime error TSV_TNEW_PAGE_ALLOC_FAILED
application | mes | mes-1 | Work order 4711 could not be confirmed: material not available in backflush
application | haproxy | lb-1 | backend mes_api has no server available!
application | tomcat | mes-2 | java.lang.OutOfMemoryError: Java heap space
application | nginx | proxy | upstream timed out (110: Connection timed out) while reading response header
application | iis | web-2 | HTTP Error 503.2 application pool 'MES' rapid-fail protection disabled the pool
application | python | etl | Traceback (most recent call last): KeyError: 'batch_id' in transform.py line 88
application | zebra | label-3 | Printer out of ribbon, label job 221 held
application/configuration | flexlm | lic-1 | Licensed number of users already reached for feature CADPRO
application | scheduler | etl-2 | Cron job nightly-report exited with status 2 after 3 retries
container | kubelet | k8s-3 | Back-off restarting failed container mes-api in pod mes-api-7f9
container | kubelet | k8s-2 | Failed to pull image "registry.local/mes:1.4": ErrImagePull
container | k8s | k8s-1 | 0/5 nodes are available: 3 Insufficient memory, 2 node(s) had taint
container | containerd | edge-6 | task exited with OOMKilled exit code 137
container | k8s | k8s-1 | Readiness probe failed: HTTP probe failed with statuscode: 500
container | k8s | k8s-4 | MountVolume.SetUp failed for volume "pvc-12": timed out waiting for the condition
security | sshd | jump-1 | Failed password for invalid user admin from 203.0.113.9 port 51222 ssh2
security | ad | dc-1 | Account locked out: svc_scada, caller computer HMI-04
security | sssd | app-3 | LDAP bind failed: invalid credentials (49) for cn=svc-mes
security | defender | hmi-3 | Malware detected: Trojan:Win32/Emotet quarantined
security | suricata | ids-1 | ET SCAN Potential Modbus write from unauthorised host 10.9.9.9
security | sudo | srv-1 | pam_unix(sudo:auth): authentication failure; user=op1
time | chronyd | edge-3 | Can't synchronise: no selectable sources
time | ptp4l | tsn-1 | port 1: SYNCHRONIZATION FAULT, offset from master 482 us
time | w32time | hmi-1 | The time service has not synchronized the system time for 86400 seconds
time | ntpd | srv-3 | time stepped by 34.2 s, clock drift exceeds 500 PPM
configuration | nginx | proxy | nginx: [emerg] unknown directive "proxy_passs" in /etc/nginx/conf.d/mes.conf:12
configuration | systemd | edge-1 | mes.service: bad unit file setting, line 4, refusing
configuration | app | mes-1 | Missing required environment variable DB_HOST, exiting
configuration | yaml | edge | Failed to parse config.yml: mapping values are not allowed here, line 17
configuration | grafana | mon-1 | invalid configuration key 'alerting.enabled', unknown field
plc | plc | wago-8 | PFC200: I/O-Check K-bus error, terminal 5 not found, blink code 4-5
plc | mitsubishi | q03 | Q series CPU: ERR. 2112 SP.UNIT ERROR, intelligent function module access fault
plc | schneider-m580 | m580 | PLC halted: HALT state, watchdog overflow in MAST task
plc | s7-1200 | mach-2 | El CPU ha pasado a STOP por error de programa en FB20
plc | siemens | linie-4 | Batterie der CPU leer, Pufferung nicht gewährleistet
plc | logix | l83e | I/O fault on module Local:4:I, connection not established, code 16#0117
plc | codesys | ctrl | Runtime exception: access violation in POU PRG_Main, application stopped
drive | altivar | atv630 | OBF overbraking, DC bus voltage excessive while decelerating
drive | lenze-i550 | roll-2 | Heat sink temperature warning, I x t utilisation 105 %
drive | kinetix | ax-3 | FLT S07 motor overtemperature thermal switch open
drive | mitsubishi-fr | a800 | E.OC1 Overcurrent trip during acceleration
drive | variateur | pompe-4 | Défaut variateur : surintensité moteur
drive | convertidor | bomba-3 | Fallo del variador: sobretensión en el bus de CC
drive | vfd | pump-2 | Communication to fieldbus master lost, drive coasting to stop (F7510)
motion | servo | axis-4 | Axis 4 hardware limit switch positive reached
motion | b&r | acopos | ACOPOS lag error stop limit exceeded axis X2
motion | cnc | m5 | Spindle orientation not completed, spindle speed not reached
motion | 伺服 | axis-1 | 伺服报警 位置偏差过大 (following error) Y轴
motion | siemens-828d | cnc-4 | 27000 Axis X is not safely referenced
motion | gantry | g1 | Gantry axes out of synchronism, deviation 1.8 mm
robot | kawasaki | rs20 | E1126 Encoder data abnormal JT3, motor power off
robot | denso | vs6 | Robot controller teach pendant deadman switch released in auto mode
robot | kuka | kr10 | KSS15047 operator safety not acknowledged robot stopped
robot | fanuc | m20 | INTP-311 uninitialized data is used, program PICK_02 paused
robot | agv | agv-11 | AGV lost localisation, stopped on path segment 44
robot | robotergreifer | r5 | Greifer hat Teil verloren, Roboter wartet
safety | allen-bradley | guard | Guard locking switch 440G fault: lock command but bolt not extended
safety | f-cpu | f1 | F-DI passivated, discrepancy error channel 4, reintegration required
safety | leuze | muting | Light curtain muting timeout lamp fault
safety | schmersal | zh | Safety relay feedback loop EDM open, contactor K1 welded
safety | siemens-safety | f-plc | PROFIsafe CRC error monitoring time exceeded, F-module passivated
safety | arrêt | ligne-1 | Arrêt d'urgence actionné poste 3
sensor | turck | rfid-1 | RFID head no tag in field, read failed after 5 attempts
sensor | pt100 | kessel | Pt100 Kurzschluss Kanal 3, Messwert ungültig
sensor | level | silo-2 | Radar level echo lost, holding last value
sensor | iolink | master-4 | IO-Link device on port 3 lost, event 0x7710 short circuit
sensor/motion | encoder | saw-1 | Incremental encoder track A/B phase error, count mismatch
sensor | camera | vis-2 | GigE camera lost packets, frame incomplete, exposure timeout
sensor | pyrometer | mill | Pyrometer reading frozen at 812.0 for 30 min while furnace is heating
pneumatic_hydraulic | smc | vi-9 | Valve manifold SI unit: solenoid 12 stays energised but spool not switched
pneumatic_hydraulic | druckluft | halle-2 | Netzdruck Druckluft 4,8 bar unter Minimum
pneumatic_hydraulic | hydraulic | press | Hydraulic oil temperature 71 °C, cooler water flow missing
pneumatic_hydraulic | pompe | presse | Fuite hydraulique détectée, niveau d'huile bas
pneumatic_hydraulic | dryer | air-1 | Compressed air dew point +9 °C, refrigerant dryer fault
mechanical | elevator | lift-2 | Chain elongation beyond 3 %, chain tension alarm
mechanical | palletizer | pal-1 | Layer pusher torque limit, carton jammed in infeed
mechanical | saw | cut-3 | Blade broken, tension lost
mechanical | transportador | tr-2 | Atasco en la cinta transportadora, sensor B7 cubierto
mechanical | screw | ext-1 | Extruder screw torque above limit, material not melted, shear pin broken
mechanical | coupling | pump-4 | Shaft misalignment, coupling vibration 2x running speed
process | pasteurizer | past-1 | Product temperature fell below 72 °C, divert valve to recirculation
process | ph | waste-2 | pH 10.4 above limit 9.0 at outlet
process | boiler | boiler-1 | Low water cut-out, drum level low-low
process | paint | booth-2 | Booth air balance out of range, exhaust flow low
process | chiller | ch-2 | Refrigerant high pressure cut-out
process | tank | tk-3 | Level high-high in tank TK-3, overfill protection closed inlet valve
process | spc | line-6 | Cpk of bore diameter 0.87, 4 consecutive points out of tolerance
process | leak-test | lt-2 | Part failed leak test 5 times in a row, 12.8 Pa/s
power | ups | usv-1 | USV im Batteriebetrieb, Netz ausgefallen, Restlaufzeit 6 min
power | ats | ats-1 | Automatic transfer switch moved to emergency source, utility lost
power | meter | trafo | Transformer winding temperature 2nd stage, cos phi 0.71
power | ups | ups-4 | Load on UPS 108 % overload, bypass imminent
power | psu | srv-3 | Power Supply 2 failed, redundancy lost
electrical | contactor | k17 | Contactor K17 feedback missing 200 ms after switch on
electrical | insulation | iso-1 | Insulation resistance 38 kOhm below 50 kOhm, IT network earth fault
electrical | fuse | f3 | Fuse F3 blown, control voltage missing in cabinet 4
network | ptsw | sw-4 | STP topology change storm, port 7 blocking
network | juniper | core | BGP peer 10.0.0.2 down, hold timer expired
network | snmp | sw-2 | SFP RX power -31 dBm below alarm threshold port 25
network | ping | mon | Host plc-22 unreachable, 100 % packet loss
network | hmi | panel-3 | Duplicate IP address 192.168.0.50 detected, MAC 00-1b-1b
network | gateway | lte-1 | Cellular modem lost registration, no carrier signal
network | mqtt | edge-9 | MQTT connection to broker lost, rc=7, reconnecting
network | http | agent | getaddrinfo ENOTFOUND mes.plant.local
network | app | mes-4 | connect ECONNREFUSED 10.3.0.4:8080
network/application | proxy | px-1 | 502 Bad Gateway: no route to host 10.2.2.9
network | ethercat | ipc | EtherCAT: lost frames on port B of EK1100, device in INIT
certificate | docker | edge | x509: certificate signed by unknown authority
certificate | certmgr | k8s | ACME challenge failed, certificate order invalid
certificate | ldap | app | TLS: hostname does not match CN in peer certificate
certificate | browser | hmi | NET::ERR_CERT_DATE_INVALID when opening https://mes
storage | raid | srv | PERC H730: virtual disk 0 degraded, physical disk 0:1:3 predictive failure
storage | ntfs | hmi | The file system structure on the disk is corrupt and unusable. Run chkdsk on volume D:
storage | ceph | c-1 | HEALTH_WARN 1 osds down, degraded data redundancy
storage | zfs | nas | Speicherplatz auf Laufwerk D: fast voll (97 %)
storage | tape | bkp | LTO drive: media write error, tape 0034 ejected
storage | inode | log | cannot create file: no inodes left, df -i 100 %
storage | multipathd | esx | mpatha: remaining active paths: 0
server | bmc | srv | Temperature inlet ambient upper critical going high 47 C
server | hyperv | hv-1 | Virtual machine failed to start: not enough memory in the system
server | windows | scada | Bugcheck 0x0000009F DRIVER_POWER_STATE_FAILURE, memory dump saved
server | kernel | srv | NMI watchdog: hard LOCKUP on cpu 4, mce: hardware error
server | win | hmi | Windows konnte nicht gestartet werden: Dienst 'WinCC Runtime' wurde unerwartet beendet
server | load | srv | load average 48.2 on 8 cores, CPU saturated by antivirus scan
server | kernel | srv | possible SYN flooding on port 8080. Sending cookies / nf_conntrack: table full, dropping packet
server | systemd | srv | Failed to mount /data, dependency failed, entering emergency mode
database | postgres | db | could not serialize access due to concurrent update; deadlock detected
database | postgres | db | standby: requested WAL segment 0000 has already been removed
database | oracle | db | ORA-12541: TNS: no listener
database | mssql | db | Error 9002: The transaction log for database 'MES' is full due to LOG_BACKUP
database | mysql | db | Lock wait timeout exceeded; try restarting transaction
database | sqlite | edge | database disk image is malformed
database | mysql | db | Slave SQL thread stopped, error 1062 duplicate entry, replication halted
database | redis | cache | OOM command not allowed when used memory > 'maxmemory'
database | app | mes | org.hibernate.exception.JDBCConnectionException: Unable to acquire JDBC Connection
database/application | histor | pi | PI archive buffer queue full, events discarded
application | kafka-client | etl | consumer group lag 1.2M messages, rebalance in progress
application | rabbitmq | mq | channel exception 404 NOT_FOUND no queue 'orders'
application | sap-rfc | int | RFC_COMMUNICATION_FAILURE: partner not reached sapgw00
application | mes | mes | Unhandled exception NullReferenceException at OrderService.Dispatch
application | print | lbl | Label printer head open / paper out at station 7
application | api | mes | HTTP 500 Internal Server Error from /orders/confirm: validation of quantity failed
application | nodejs | ui | FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
application | .net | mes | System.IO.FileNotFoundException: Could not load file or assembly 'Opc.Ua.Core'
application/configuration | license | cad | License checkout failed: license server 27000@lic1 is down
application | wincc | scada | Tag logging: archive segment could not be created, runtime stopped recording
application | smtp | mail | 550 5.7.1 relaying denied for alarm mail to shift@plant
application | sftp | edi | Upload of ASN file failed: permission denied on /out
container | docker | edge | OCI runtime create failed: exec: "start.sh": permission denied
container | k8s | k8s | Evicted: The node was low on resource: ephemeral-storage
container | k8s | k8s | NodeNotReady: kubelet stopped posting node status
container | docker | edge | Container mes-ui is unhealthy, health check failed 5 times
container | helm | k8s | CrashLoopBackOff: mes-worker restarted 42 times
container | docker | edge | driver failed programming external connectivity: port is already allocated
security | paloalto | fw | THREAT: SQL injection attempt blocked from 198.51.100.7
security | windows | dc | Event 4625 An account failed to log on 220 times, workstation UNKNOWN
security | ad | dc | KDC_ERR_PREAUTH_FAILED for svc_hist, password expired
security | audit | plc | Unauthorised program download to PLC from unknown engineering station 10.5.5.5
security | usb | hmi | Unknown USB storage device connected to HMI, blocked by policy
security | vpn | gw | Multiple failed VPN logins for user contractor7 from 5 countries
time | plc | plc-9 | PLC clock differs 00:07:12 from NTP server
time | krb | app | Clock skew too great while getting initial credentials
time | gps | clk | GPS antenna lost, grandmaster in holdover
configuration | opc | kep | Tag address DB12.DBX400.9 invalid, does not exist in device
configuration | profinet | line | Device name 'robot-3' already assigned twice, duplicate NameOfStation
configuration | java | mes | Could not resolve placeholder 'mes.url' in value "${mes.url}"
configuration | recipe | mix | Recipe parameter 'temp_sp' out of permitted range, recipe rejected
configuration | plc | cell | Firmware version of module 5 does not match project configuration
configuration | switch | sw | VLAN 20 mismatch on trunk port, native VLAN inconsistent
plc | plc-kuehl | k2 | Zykluszeitüberschreitung OB1 Zykluszeit 168 ms Maximum 150 ms
plc | compactlogix | cl5 | Minor fault: battery low or missing, program not protected
plc/network | rockwell | c7 | Module Slot 3 connection faulted 16#0203 connection timed out
plc | unity | m340 | Rack 0 slot 5 module absent while configured
drive/electrical | s120 | line-3 | F30021 power unit: ground fault
drive | cfw11 | fan-2 | IGBT desaturation short circuit at output detected
drive | acs880 | ex-1 | Brake chopper resistor overheated
drive | dc-drive | mill-1 | Field loss, armature overcurrent
motion | delta-tau | xyz | Motor 3 fatal following error
motion/mechanical | ballscrew | z4 | Axis Z position drift, backlash 0.08 mm growing
motion | cnc | v7 | Spindle drawbar unclamp not confirmed
robot | abb | irb1 | 38103 SMB communication lost to measurement board
robot | fanuc | f5 | SRVO-062 BZAL alarm pulse coder battery zero
robot | ur5 | u1 | Robot safety plane violated, protective stop
robot | epson | sc1 | SCARA torque limit hit on J2, collision suspected
robot/application | mir | amr-2 | AMR cannot find path to goal, obstacle in the way
safety | scanner | g4 | Warnfeld und Schutzfeld verletzt, Laserscanner Tor 4
safety | e-stop | l4 | Pull-cord switch actuated on conveyor section 9
safety | sicherheitsrelais | c1 | Sicherheitsrelais PNOZ Kanal 2 schaltet nicht ein
safety | gas | pit | O2 concentration 17.8 % below limit in pit, evacuate
sensor | e+h | t1 | Pressure transmitter PT-12 signal 21.4 mA, over range
sensor | vision-station | v1 | Lighting intensity below 40 %, images too dark
sensor | balluff | b2 | Inductive sensor B22 not damped although part present
sensor | flow | f1 | Durchflussmesser liefert kein Signal
sensor | scanner | s1 | QR-Code konnte nicht gelesen werden
pneumatic_hydraulic | clamp | c2 | Clamping pressure lost during machining, accumulator precharge low
pneumatic_hydraulic | luft | h1 | Kompressor Störung Öltemperatur zu hoch
pneumatic_hydraulic/process | hpu | h3 | Pump P2 cavitation noise, suction line restricted
mechanical | crane | k1 | Wire rope slack detected on hoist
mechanical | roller | r3 | Roller drive zone 6 blocked by tray, motor retry exceeded
mechanical | sealer | s2 | Chain broke on infeed lug conveyor
process | dryer | d1 | Moisture 14.2 % above target 12 %
process | kiln | k1 | Zone 3 thermocouple ok but heater element current zero
process | cip | c1 | Caustic concentration 0.9 % below minimum for cleaning cycle
process | coldroom | cr1 | Cold storage temperature -11 °C, limit -18 °C
process | galvanik | g1 | Badtemperatur zu niedrig 42 °C, Sollwert 55 °C
power | usv | u1 | Batteriespannung der USV zu niedrig
power | solar | pv1 | Grid frequency 51.4 Hz outside limits, disconnecting
power/electrical | 24v | c5 | 24V-Netzteil überlastet, Ausgangsspannung eingebrochen
electrical | heater-ssr | h1 | Earth leakage 45 mA on heater circuit 3
network | scalance | x200 | Redundanzring unterbrochen an Port 2
network | pnio | c1 | IO device 'valve-07' not reachable, watchdog expired
network | edge | e1 | curl: (6) Could not resolve host: erp.corp
network | snmpd | sw9 | Interface utilisation 98 % for 20 min, output drops rising
network | ap | w1 | Access point lost controller, CAPWAP down
network | opc | c1 | BadCommunicationError while reading ns=2;s=Line1.Speed
network | app | a1 | java.net.NoRouteToHostException: No route to host
network | radius | w2 | RADIUS server timeout, clients cannot join WLAN
certificate | haproxy | p1 | unable to load SSL certificate: key values mismatch
certificate | edge | e3 | Zertifikat von mqtt.plant.local ist abgelaufen
certificate | postfix | m1 | certificate verification failed for smtp.office365.com: untrusted issuer
certificate | kube | k1 | x509: certificate is valid for 10.0.0.1, not 10.0.0.9
storage | netapp | n1 | aggregate aggr1 is 98 % full, volumes going offline soon
storage | windows | h1 | The device, \Device\Harddisk0\DR0, has a bad block.
storage | lvm | s1 | thin pool data usage 99.7 %, writes will fail
storage | nvme | s2 | critical medium error, dev nvme0n1, sector 88123
storage | restic | b1 | Fatal: unable to open repository, snapshot not created for 3 days
server | kernel | s1 | INFO: task postgres:8123 blocked for more than 120 seconds
server | systemd | s2 | mes-api.service: Start request repeated too quickly
server | hp-ilo | s4 | Power supply 1 AC lost, redundancy degraded
server | windows | h5 | Application popup: explorer.exe - The memory could not be read, access violation
server | gpu | ai1 | NVRM: Xid 79, GPU has fallen off the bus
database | mariadb | d1 | Table './mes/orders' is marked as crashed and should be repaired
database | postgres | d2 | PANIC: could not write to file "pg_wal": No space left on device
database | mssql | d3 | Always On availability group 'AG1' secondary not synchronizing
database | oracle | d4 | ORA-04031: unable to allocate 4160 bytes of shared memory
database/configuration | mongo | d5 | WiredTiger error: handle-open: No such file or directory, database cannot start
database | cassandra | d6 | Not enough replicas available for query at consistency QUORUM
database | app | a3 | psycopg.OperationalError: server closed the connection unexpectedly
application | celery | c1 | Worker exited prematurely, queue 'reports' growing 4200 tasks
application | mes | m1 | Auftrag 88231 kann nicht rückgemeldet werden, SAP Schnittstelle antwortet nicht
application | label | l1 | Etikettendrucker: Papier leer
application | kafka | k1 | OffsetOutOfRangeException for partition orders-3
application | webapp | w1 | HTTP 504 Gateway Timeout for /api/quality
application | python | p1 | ValueError: could not convert string to float: 'n/a'
application | scada | s1 | Alarm server: history buffer overflow, 300 alarms discarded
application | mail | m1 | SMTP relay refused connection, 214 alarm mails queued
application | report | r1 | Crystal report export failed: template not found
container | docker | e1 | No such image: mes/api:2.1
container | k8s | k1 | pod mes-db-0 pending: 1 node(s) didn't match pod affinity
container | k8s | k2 | Liveness probe failed: Get http://10.1.2.3:8080/healthz connection refused
security | fw | f1 | Outbound connection from PLC 10.0.5.9 to 45.9.1.2 blocked, unknown destination
security | winsec | d1 | User added to Domain Admins by unknown account
security | web | w1 | CSRF token mismatch 400 times from 198.51.100.3
security | ssh | s1 | error: maximum authentication attempts exceeded for root from 192.0.2.7
time | plc | p2 | Uhrzeitsynchronisation fehlgeschlagen, NTP Server nicht erreichbar
time | log | l1 | Timestamps from press-4 are 3600 s in the future
configuration | mqtt | e4 | Invalid topic filter in bridge configuration, line 22
configuration | scada | s4 | Project version 12 does not match runtime version 11
configuration | edge | e5 | Unknown setting 'poll_intervall' in settings.toml
"""

#: service | message: no cause can be named from these, whatever the service
_TOO_LITTLE = r"""
plc-line3 | Error occurred
drive-7 | Fault detected, see manual
kuka-7 | Program aborted
fanuc | Alarm active
mysql | Query failed
postgresql | ERROR
mes | Request failed with error code -1
mes | An unexpected condition was encountered
python | Traceback (most recent call last):
java | at com.acme.mes.OrderService.dispatch(OrderService.java:212)
windows | Event 1000 Application Error
windows | The operation failed. Error 0x80004005
systemd | Unit entered failed state.
switch | Port event
opcua | Bad
gateway | connection problem
docker | exit status 1
k8s | Container exited with code 1
backup | Backup job completed with warnings
raid | Event ID 57
tls | handshake error
auth | event 4776
ntp | sync event
sensor-22 | Value out of range
vision | Inspection NOK
safety-plc | Safety fault
cnc | Alarm 3000
vfd-3 | F0815
plc | Error 16#8085
oven | Deviation alarm
ups | Alarm condition
hydraulics | Common fault
conveyor | Conveyor stopped
press | Störung
app | Fehler aufgetreten
sps | Sammelstörung aktiv
robot | Anlagenstörung, siehe Handbuch
svc | Se ha producido un error desconocido
svc | Une erreur est survenue
svc | 发生未知错误
svc | retry 3 of 5
svc | count=17 errs=3 warn=9
svc | code 4711
mes | Exception has been thrown by the target of an invocation.
mes | Object reference not set to an instance of an object.
svc | Segmentation
svc | The following error occu
svc | ERR:
svc | process terminated
svc | device not working
svc | something is wrong with the machine again
svc | Operator pressed stop
svc | machine state changed to 5
svc | Watchdog
svc | job 4711 failed, see attachment
plc | Communication error 3
opcua | StatusCode 0x80000000
robot | Error code E-0000
svc | Notification
svc | Test alarm, please ignore
svc | All systems normal, 0 errors
switch | Link restored, connection recovered
mysql | Backup completed successfully
svc | error: null
svc | java.lang.Exception: null
svc | failure (reason: none given)
svc | status: DEGRADED
svc | service unavailable
svc | Cycle stopped by PLC, cause not transmitted
svc | quality alarm line 4
svc | Machine fault, operator cleared before reading the text
svc | temperature alarm
svc | pressure alarm
svc | Vibration
svc | Restarted
svc | heartbeat missed once
svc | User called maintenance
drive | Drive tripped
axis | Axis error
plc-7 | Group fault set
s7 | Event ID 16#4562
g120 | Drive fault, acknowledge and restart
conv | F7 fault
irb | System failure state
cnc | Emergency message 700123
safety | Safety circuit message
cam | Result NOK
oven | Batch aborted
press | Press stopped by operator request
linux | Something failed, check journal
win | The service did not respond correctly
mes | Unbekannter Fehler
mes | Save failed
mes | Invalid state
api | Internal server error
mes | at line 212
db | SQL error
gw | Send failed
nas | Volume warning
pki | certificate problem
pdu | Power event
k | Error: container failed
x | Error 1603
x | HRESULT: 0x80131500
x | err -2147467259
x | Failure in module 7
x | Störung Anlage 3
x | Défaut général
x | 设备故障
x | Connection
x | ... truncated ...
x | ERROR [main] com.acme.Line -
x | tmp=1 val=2 st=3
x | 42 errors, 17 warnings
x | state=FAULT code=0
x | An error occurred while communicating
x | Cannot proceed
x | not ok
x | Machine has a problem, please help
"""


def telling() -> list[tuple[frozenset[str], str, str, str]]:
    """Lines that name a problem: accepted categories, service, host, message."""
    rows = [line.split(" | ", 3) for line in _TELLING.strip().splitlines()]
    return [(frozenset(row[0].split("/")), row[1], row[2], row[3]) for row in rows]


def too_little() -> list[tuple[str, str]]:
    """Lines that name none: service, message."""
    return [
        (service, message) for service, message in (line.split(" | ", 1) for line in _TOO_LITTLE.strip().splitlines())
    ]
