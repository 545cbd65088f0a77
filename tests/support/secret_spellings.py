"""How people and programs write secrets, and what only looks like one.

``{}`` stands for the secret, which tests choose; none of these is one of anybody.
"""

from __future__ import annotations

from typing import Any

S, OTHER, PIN = "Zx9kQ7vTm", "hUnt3r22w", "4711"

#: Where a secret stands in a text.
TEXTS = [
    # JSON in JSON, representations, other encodings of marks
    '{{"password":"{}"}}', '{{\\"password\\":\\"{}\\"}}', '{{\\\\\\"password\\\\\\":\\\\\\"{}\\\\\\"}}',
    '{{"a":"{{\\"b\\":\\"{{\\\\\\"apiKey\\\\\\":\\\\\\"{}\\\\\\"}}\\"}}"}}', "{{'password': '{}'}}", "{{'token': u'{}', 'x': 1}}",
    "%7B%22password%22%3A%22{}%22%7D", "{{&quot;password&quot;:&quot;{}&quot;}}", "{{\\u0022password\\u0022:\\u0022{}\\u0022}}",
    "password=&quot;{}&quot;", 'map[password:{} user:sa]', "User(name='a', password='{}')", 'password => "{}"', ":password=>\"{}\"",
    '{{"name":"password","value":"{}"}}', '{{"value":"{}","name":"password"}}', '{{\\"key\\":\\"db.password\\",\\"value\\":\\"{}\\"}}',
    '{{"key":"Password","type":"string","value":"{}"}}', '["--password","{}"]', '"password","{}"', "('password', '{}')", '["mysql","-uroot","-p{}"]',
    '{{"password":["{}"]}}', '{{"password":{{"value":"{}"}}}}', "password: ['{}', 'b']",
    # XML
    "<password>{}</password>", "<Password>{}</Password>", "<wsse:Password Type=\"x#PasswordText\">{}</wsse:Password>",
    '<add key="Password" value="{}"/>', '<add value="{}" key="Password"/>', '<user name="a" password="{}"/>', "<pwd><![CDATA[{}]]></pwd>",
    "&lt;password&gt;{}&lt;/password&gt;", '<property name="password">{}</property>', '<param name="pwd" value="{}" />',
    "<name>password</name><value>{}</value>", "<dbPassword xsi:type='xsd:string'>{}</dbPassword>", "<Kennwort>{}</Kennwort>",
    # files
    "password: {}", "password : {}", "password = {}", "db.password={}", "[db]\npassword = {}\nuser = x", "mqtt:\n  username: a\n  password: '{}'",
    "- name: DB_PASSWORD\n  value: {}", "export DB_PASSWORD={}", "set PGPASSWORD={}&& psql", "PGPASSWORD={} psql -h db", "MYSQL_PWD={} mysql",
    "spring.datasource.password={}", "api_key = \"{}\"", "password := {}", "machine h login u password {}", "//reg/:_authToken={}", "password|{}|x",
    # SQL
    "ALTER USER a IDENTIFIED BY {}", "CREATE USER a IDENTIFIED BY '{}'", "CREATE USER a IDENTIFIED WITH mysql_native_password BY '{}'",
    "ALTER ROLE a WITH PASSWORD '{}'", "CREATE LOGIN a WITH PASSWORD = N'{}'", "SET PASSWORD FOR 'a'@'b' = PASSWORD('{}')",
    "UPDATE users SET password='{}' WHERE id=1", "SELECT 1 FROM u WHERE password = '{}'", "INSERT INTO users (name, password) VALUES ('a', '{}')",
    "insert into u(id,pwd,x) values (1,'{}','y'), (2,'z','q')", "ALTER LOGIN sa WITH PASSWORD='{}' OLD_PASSWORD='b1b1b1'",
    # addresses, forms, headers, connection strings
    "postgres://mes:{}@db/plant", "amqp://:{}@mq", "https://{}@host/x".replace("{}", "{}" + "Aa1" * 6), "opc.tcp://admin:{}@plc-7:4840", "mqtt://u:{}@broker:1883",
    "rtsp://admin:{}@10.0.0.9/stream", "redis://:{}@cache:6379/0", "mongodb+srv://a:{}@c.x.net/d", "http://h/login?user=a&password={}&x=1",
    "http://h/x?access_token={}", "grant_type=password&username=a&password={}", "user=a&pwd={}", "connecting with admin:{}@10.0.0.5:8080",
    "Authorization: Bearer {}", "Authorization: Foo {}", "Authorization: {}", "Authorization: ApiKey {}", "Authorization: Token token={}",
    'Authorization: Digest username="a", realm="b", response="{}"', "Proxy-Authorization: Basic {}", '"Authorization":"Bearer {}"', "authorization=Bearer {}",
    "X-Api-Key: {}", "x-api-key={}", "Ocp-Apim-Subscription-Key: {}", "X-Vault-Token: {}", "PRIVATE-TOKEN: {}", "Cookie: a=b; sid={}", "Set-Cookie: sid={}; Path=/",
    "headers={{'Cookie': 'sid={}'}}", "JSESSIONID={}", "Server=x;User Id=sa;Password={};Database=y", "Driver={{SQL}};Uid=a;Pwd={{{}}};Db=1",
    "jdbc:mysql://h/db?user=a&password={}", "jdbc:oracle:thin:scott/{}@h:1521/x", "sqlplus scott/{}@orcl", "AccountName=a;AccountKey={};X=1",
    "Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccessKey={}", "HostName=x;DeviceId=y;SharedAccessKey={}", "opc.tcp://h;user=a;password={}", "tcp:h,1433;PWD={}",
    "mqtt connect username=a password={} rc=5",
    # command lines
    "curl -u user:{} http://h", "curl --user=user:{} http://h", "curl --user user:{} http://h", "curl -uadmin:{} http://h", "curl -H 'X-Api-Key: {}' http://h",
    "curl -H \"Authorization: Bearer {}\" http://h", "curl --proxy-user a:{} http://h", "-u user:{}", "--user=user:{}", "mysql -u root -p{} db", "mysqldump -uroot -p{} plant > x",
    "mysql -p {} db", "mysqladmin --password={} ping", "sshpass -p {} ssh a@b", "sshpass -p{} ssh a@b", "sshpass -p '{}' ssh a@b", "psql -p {} -h db", "sqlcmd -S h -U sa -P {} -Q x",
    "plink -ssh a@b -pw {} ls", "pscp -pw {} x a@b:", "xfreerdp /u:a /p:{} /v:h", "net use Z: \\\\srv\\share /user:a {}", "net use \\\\srv\\share {} /user:dom\\a",
    "net user bob {} /add", "cmdkey /add:h /user:a /pass:{}", "smbclient //h/s -U a%{}", "wget --password={} http://h", "wget --http-password {} http://h", "prog --password {} --x",
    "prog --password={}", "prog -password {}", "prog /password:{}", "prog --api-key {}", "prog --token={}", "prog --client-secret {} run", "mosquitto_pub -h b -u a -P {} -t x",
    "ldapsearch -D cn=a -w {} -b x", "ipmitool -H h -U a -P {} power", "snmpget -v2c -c {} 10.0.0.1 sysName.0", "snmpwalk -v 2c -c {} h", "snmpget -v3 -u a -A {} h", "redis-cli -a {} ping",
    "docker login -u a -p {} reg", "openssl rsa -passin pass:{} -in k", "7z x -p{} a.7z", "unzip -P {} a.zip", "keytool -storepass {} -list", "schtasks /create /ru a /rp {}",
    "nmcli dev wifi connect x password {}", "wpa_passphrase ssid {}", "htpasswd -bc f a {}", "lftp -u a,{} h", "java -Ddb.password={} -jar x", "ansible -e ansible_password={} x",
    "exec: \"mysql\" \"-u\" \"root\" \"-p{}\": exit status 1", "cmd=['sshpass','-p','{}','ssh']", "kubectl create secret generic x --from-literal=password={}",
    # words
    "the password is {}", "password was {}", "The password for user admin is {}.", "password was changed from {} to abc9XY12z", "password changed from 'abc9XY12z' to '{}'", "password reset to {}",
    "admin password set to {}", "pw {}", "pw: {}", "PW={}", "pw is {}", "login with admin/{}", "login failed with admin/{}", "Login as admin:{} rejected", "user admin password {}",
    "user=admin pass={}", "credentials admin:{}", "credentials: admin/{}", "invalid credentials (admin:{})", "Zugangsdaten admin/{}", "wrong password '{}' for bob", "tried password {} on plc",
    "used {} as password", "with password {}", "password \"{}\" rejected", "pass: {}", "passwort {} falsch", "API key {} was rejected", "secret: {}", "the secret is {}", "client secret '{}'",
    "new token issued: {}", "token={}", "token {} expired".replace("{}", "{}AbC123"), "key={}".replace("{}", "{}Qw3rTy8Ui0pLkJhGf"), "password: a,{}", 'password="a,{}"', 'password="a; {} b"', "password='a b {}'", "Pwd=\"x;{}\";Db=1",
    "password={},x!y", "password=!{}?", "passphrase: {}", "access code: {}", "PASSWORD:{}", "Password\t{}", "password=[{}]", "password=({})",
    # networks
    "enable secret 5 {}", "enable password 7 {}", "username a privilege 15 secret 5 {}", "username a password 0 {}", "snmp-server community {} RO", "snmp-server host 10.0.0.1 version 2c {}",
    "SNMP community string {} rejected", "community string {}", "community={}", "snmp community: {}", "tacacs-server key 7 {}", "radius-server host 10.0.0.1 key {}", "crypto isakmp key {} address 1.1.1.1",
    "key-string 7 {}", "ip ospf message-digest-key 1 md5 7 {}", "neighbor 10.0.0.1 password 7 {}", "wpa-psk ascii 0 {}", "WPA passphrase {}", "wpa_passphrase={}", "psk={}", 'psk="{}"', "PSK: {}",
    "WiFi password is {}", "WLAN-Schlüssel: {}", "Wi-Fi key {}", "WIFI:T:WPA;S:plant;P:{};;",
    # other forms of letters
    "ｐａｓｓｗｏｒｄ＝{}", "ｐａｓｓｗｏｒｄ：{}", "pass\u200bword={}", "p\u0430ssw\u043erd={}", "PASSWORD\u00a0=\u00a0{}", "pas\u00adsword: {}", "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝={}", "contrasen\u0303a: {}", "password＝“{}”",
    # languages
    "Passwort: {}", "Passwort lautet {}", "Das Passwort ist {}", "Kennwort={}", "Das Kennwort für admin lautet {}", "Passwort wurde von {} auf Neu77xy geändert", "Passwort auf {} gesetzt", "Anmeldung mit admin/{}",
    "mot de passe : {}", "le mot de passe est {}", "mot de passe changé de {} en Neuf77xy", "contraseña: {}", "la contraseña es {}", "contraseña cambiada de {} a Nueva77x", "clave: {}", "senha: {}", "a senha é {}",
    "password è {}", "la password è {}", "parola d'ordine: {}", "wachtwoord: {}", "het wachtwoord is {}", "hasło: {}", "hasło to {}", "haslo={}", "heslo: {}", "heslo je {}", "parola: {}", "şifre: {}", "sifre={}", "lösenord: {}",
    "lösenordet är {}", "adgangskode: {}", "kodeord er {}", "passord: {}", "salasana: {}", "salasana on {}", "jelszó: {}", "a jelszó {}", "parolă: {}", "пароль: {}", "пароль {}", "Пароль — {}", "ПАРОЛЬ={}", "пароль изменен с {} на Nov77xyz",
    "密码：{}", "密码是{}", "密码为 {}", "口令：{}", "パスワード：{}", "パスワードは{}です", "비밀번호: {}", "비밀번호는 {}입니다", "암호: {}", "クレデンシャル password={}", "lozinka: {}", "API-Schlüssel: {}", "clé API : {}", "chiave API: {}", "密钥={}",
]  # fmt: skip
#: The same for four digits.
PINS = [
    "PIN: {}", "PIN {} entered", "pin={}", "Pin-Code ist {}", "PIN-Code: {}", "pincode {}", "wrong pin {} at door 3", "PIN ist {}", "the PIN is {}", "code PIN : {}", "código PIN: {}", "ПИН-код: {}", "PINコードは{}", "暗証番号は{}です",
    "PIN = {}", "Operator entered PIN {}", '{{"pin":"{}"}}', '{{"pin": {}}}', "SIM PIN {} rejected", "PIN: '{}'", "AT+CPIN=\"{}\"", "Geheimzahl {}",
]  # fmt: skip
#: Contexts with the secrets ``S`` or ``PIN`` in them.
CONTEXTS: list[dict[str, Any]] = [
    {"password": S}, {"Passwort": S}, {"password": [S, "b"]}, {"password": {"value": S}}, {"password": {"a": {"b": [S]}}}, {"passwords": {S: "admin"}}, {"secret": 4711.25}, {"password": 4711}, {"token": True, "x": S} and {"api_key": S},
    {"name": "password", "value": S}, {"key": "db.password", "value": S}, {"k": "pwd", "v": S}, {"header": "Authorization", "value": f"Bearer {S}"}, {"params": [{"name": "user", "value": "a"}, {"name": "password", "value": S}]},
    {"argv": ["prog", "--password", S]}, {"argv": ["mysql", "-u", "root", f"-p{S}"]}, {"args": ["-u", f"a:{S}"]}, {"cmd": ["sshpass", "-p", S, "ssh", "h"]}, {"args": [f"--password={S}"]}, {"args": ["/user:a", f"/p:{S}"]},
    {"headers": [["Host", "h"], ["Authorization", f"Bearer {S}"]]}, {"rawHeaders": ["Host", "h", "X-Api-Key", S]}, {"headers": {"authorization": f"Basic {S}", "cookie": f"a={S}"}}, {"pair": ["password", S]}, {"env": [f"DB_PASSWORD={S}"]},
    {f"password={S}": 1}, {"tokens": [S]}, {"secrets": {"db": S}}, {"body": f'{{"password":"{S}"}}'}, {"body": f'{{"name":"password","value":"{S}"}}'}, {"body": f'{{"a":{{"password":["{S}"]}}}}'}, {"xml": f"<a><password>{S}</password></a>"},
    {"url": f"http://a:{S}@h/"}, {"form": f"user=a&password={S}"}, {"mqtt": {"auth": {"user": "a", "pw": S}}}, {"credentials": {"user": "a", "x": S}}, {"a": {"b": {"c": {"d": {"password": S}}}}}, {"Kennwort": S}, {"contraseña": S}, {"пароль": S},
    {"密码": S}, {"pin": PIN}, {"pin": 4711}, {"PIN-Code": 4711}, {"snmp_community": S}, {"community": S}, {"wifi": {"psk": S}}, {"clientSecret": S}, {"X-API-KEY": S}, {"dbPass": S}, {"db_pw": S}, {"passphrase": S}, {"ＰＡＳＳＷＯＲＤ": S}, {"p\u0430ssword": S},
    {"columns": ["user", "password"], "rows": [["a", S]]}, {"login": f"admin/{S}", "text": f"login with admin/{S}"}, {"password": 0.4711}, {"Pass_word": S}, {"pass-word": S}, {"password ": S}, {"PASSWORD": S}, {"old_password": S, "newPassword": OTHER}, {"conn": f"Server=a;Pwd={S}"},
    {"value": S, "name": "password"}, {"option": "--password", "value": S}, {"env": {"PGPASSWORD": S}}, {"env": [{"name": "DB_PASSWORD", "value": S}]}, {"jwt": S}, {"bearer": f"Bearer {S}1"}, {"privateKey": S}, {"sasKey": S},
]  # fmt: skip

#: Nothing here is a secret, and all of it may be what the fault is known by.
PLAIN = """\
pin 3
pin 3 of connector X4
Pin 12 short to ground
bent pin 1024 of connector X4
pin=13 high
GPIO pin 17 stuck
Pin 4 and pin 5 swapped
PIN diode D4 failed
PIN photodiode signal low
PIN entry timed out
PIN pad not responding
pin: 4
Locating pin missing at station 20
SNMP community mismatch
SNMP: wrong community name
snmp community invalid from 10.0.0.5
community string mismatch on switch 4
token ring
Token ring adapter removed
token bucket exhausted
token bus timeout on PROFIBUS
Token: expired
invalid token
invalid token at line 3
Unexpected token < in JSON at position 0
unexpected token: "}"
syntax error, unexpected token '=' at column 9
token lost on PROFIBUS ring
token rotation time exceeded: 35 ms
max_tokens=1024
prompt tokens: 2048, completion tokens: 512
password expired
password has expired for user mes
Password: expired
password is wrong
password is incorrect
the password is about to expire
password is required
password is 90 days old
password must be changed
password authentication failed for user mes
Access denied for user 'root'@'localhost' (using password: YES)
password policy changed from 8 to 12 characters
password length: 8
password_length=12
password_expired=true
Failed password for root from 10.0.0.4 port 22 ssh2
Failed password for invalid user admin from 103.99.0.122 port 52683 ssh2
Passwort abgelaufen
Passwort falsch
Passwort ist abgelaufen
Das Passwort ist falsch
Passwort: ungültig
Kennwort falsch
Kennwort läuft in 5 Tagen ab
Kennwort für Benutzer schmidt abgelaufen
mot de passe expiré
mot de passe incorrect
le mot de passe est invalide
contraseña incorrecta
la contraseña es incorrecta
hasło wygasło
heslo je neplatné
пароль истек
неверный пароль
密码错误
密码已过期
パスワードが違います
パスワードが正しくありません
비밀번호가 틀렸습니다
암호화 오류
key switch
key switch S4 in position 2
key=F4
key: F4 pressed
keyence
KEYENCE IV3 sensor timeout
key 42 not found in map
cache key: user:1234
duplicate key value violates unique constraint "orders_pkey"
Duplicate entry '4711' for key 'PRIMARY'
foreign key constraint fails
public key 4096 bit
private key file not found
private key could not be read: permission denied
host key verification failed
SSH host key SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8 changed
secret sharing
secret sharing quorum lost
secret not found
secret "mes-db" not found
MountVolume.SetUp failed for volume "certs": secret "press-tls" not found
secrets store driver not ready
credential manager service stopped
Credential Manager service stopped
credentials expired
credentials for host db01 could not be loaded
invalid credentials
bearer fault
bearer lost
Bearer token missing
bearer authentication failed
bearing
bearing temperature 85 C
Bearing B12 vibration 7.1 mm/s
basic 12 V
Basic 24V supply low
basic realm="x"
WWW-Authenticate: Basic realm="plant"
Authorization: failed
authorization failed for user bob
authorization required
Authorization header missing
pass 3 failed
pass 3 of 5 failed
pass: 12, fail: 3
pass=12 fail=3
Pass 2: weld current low
test pass rate 93%
passed
bypass valve
bypass valve V12 open
bypass=1
compass
compass error 12
passive mode
session 0x3f
session 4711 closed
session id 12345 timed out
pwm
pwm=45%
PWM frequency 20 kHz
PW 12 low
PWD=/opt/mes
hash mismatch sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
hash mismatch, expected 9f86d081884c7d65 got a3bf4f1b2b0b822c
commit a1306ddc0f3e8b7d6a5c4b3a29180716f5e4d3c2 deployed
deployed 2cf6944
order 4500012345 rejected
order_no=4500012345
serial number 0048123-77A4
SN: 6ES7315-2EH14-0AB0
batch 7f3e4a52-9b1c-4d8e-a6f0-1234567890ab started
id=7f3e4a52-9b1c-4d8e-a6f0-1234567890ab
MAC 00:1B:1B:AA:4F:02 flapping
mac=00-1B-1B-AA-4F-02
ns=2;s=Machine.Spindle.Temperature bad
ns=4;i=6210 BadNodeIdUnknown
ns=3;s="DB_Prozess"."Soll.Temp"
opc.tcp://plc-7:4840
opc.tcp://10.0.0.7:4840/UA/Server BadSecureChannelClosed
http://10.0.0.10:8080/path?m=a@b
http://mes/orders/4711?line=3&shift=early
mailto:ops@plant.example
From: alarms@plant.example To: ops@plant.example
user mes@db01 disconnected
git@gitlab.plant.example:mes/core.git fetch failed
docker run -p 8080:80 image failed
docker run -u 1000:1000 image failed
psql -p 5432 -h db failed: connection refused
ssh -p 2222 a@b failed
nmap -p 22 host
mkdir -p /opt/mes/data failed
cp -p a b
tar -xpf a.tar
msbuild /p:Configuration=Release failed
net use Z: failed with error 53
7z exited with code 2
curl -u failed: (7) Failed to connect
curl: (22) The requested URL returned error: 401
SV0401 servo alarm: axis X, torque=5.2 Nm
F30005 power unit overload I2t
ORA-00600 internal error code
ORA-28000: the account is locked
ORA-01017: invalid username/password; logon denied
Login failed for user 'mes'. Reason: Password did not match that for the login provided.
login failed for user admin
login as operator rejected
logged in as plant/operator1
Logged in with smartcard/PIN
connected to plc-7:4840
connected with host:4840
auth failed: user not found
authentication with server/client certificate failed
auth=none
auth: basic
auth timeout 30 s
signature mismatch
signature verification failed for firmware 3.2
cookie rejected
Cookie: rejected
PSK modulation unlocked
QPSK signal lost
psk mismatch on AP 4
WPA handshake failed
wifi signal -85 dBm
WLAN key rotation every 3600 s
encryption key rotation failed
encryption key expired
license key expired
license key missing
license expired on 2026-01-31
security code reader offline
code 4711
error code: 4711
access code rejected
unlock code required
OTP service unavailable
totp drift 30 s
parola di stato: 16#0201
clave de producto no encontrada
Schlüsselschalter in Stellung 2
Schlüssel fehlt
tool change: key way broken
keyway worn
keyboard disconnected
hotkey F4
monkey
turkey line 3
Secretary station offline
passkey prompt dismissed
compasses
passenger lift blocked
encompass
surpassed limit 4
password reset requested
Password reset email sent to user 4711
password changed successfully
password was changed by admin
password changed from the web interface
password store locked
password field empty
passwordless login enabled
password file /etc/shadow not readable
password: must contain 8 characters
password for mes expires in 3 days
enable secret missing
enable interface 5
user account locked
snmp trap received from 10.0.0.5
SNMP v3 auth failed
snmpget timeout 10.0.0.5
Controller PIN code entry locked
1 of 3 key servers down
state changed from idle to run
mode changed from auto to manual
setpoint changed from 12.5 to 14.0
recipe changed from A12 to B14
parameter 4711 changed from 12 to 15
value was 4711
the state is running
credentials/ca.pem not found
user/group mapping failed
tokenizer failed on word 3
token count 12
refresh token expired
token expired at 2026-11-29T16:00:00Z
token 0x3f invalid
token A12 expired
secret v2 mounted
data: SGVsbG8gd29ybGQgdGhpcyBpcyBhIHBheWxvYWQ= received
payload=AQIDBAUGBwgJCgsMDQ4PEA==
basic SCADA12 driver stopped
Basic block12345 failed
digest mismatch: sha256:9f86d081884c7d659a2feaa0c55ad015
exp 12/31@12:00
S7 comm: key-value store full
arn:aws:iam::123456789012:role/press
job key-9f86 failed
A3-relay K12 welded
API-12 gravity out of range
pul-12 conveyor jam
sk-12 valve stuck
hf_pump 3 dry
""".splitlines()
