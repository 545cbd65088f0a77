"""The words for secrets, in the languages that plants speak, and the words that stand beside them without being one."""

from __future__ import annotations

import math
import re
from collections import Counter
from importlib import resources

from andon.core.redact.visible import folded


def _any(*words: str) -> str:
    """An alternation of words, written as people write them; the longest wins."""
    every = {folded(word) for line in words for word in line.split("|")}
    return (
        "(?:" + "|".join(re.escape(w).replace(r"\ ", r"[\s_.\-]?") for w in sorted(every, key=len, reverse=True)) + ")"
    )


#: Words for what somebody types to prove who they are.
PASSWORDS = _any(
    "pass word|password|passwords|passwd|passw0rd|"
    "passwrd|passwort|passwörter|passphrase|pass phrase|passcode|pass code|pwd"
    "|paswoord",
    "kennwort|kennwörter|losungswort|zugangscode|access code|unlock code|security code|freischaltcode",
    "verification code|2fa code|mfa code|otp code|one time code|bestätigungscode|sicherheitscode|entsperrcode"
    "|zugriffscode",
    "mot de passe|mots de passe|motdepasse|phrase secrète|phrase de passe|contraseña|contrasena|contrasenya",
    "senha|palavra passe|palavra chave de acesso|parola d'ordine|parola d’ordine|wachtwoord|wachtzin|toegangscode",
    "hasło|hasła|hasłem|heslo|hesla|hesly|şifre|lösenord|adgangskode|kodeord|passord|salasana|salasanan|tunnussana",
    "jelszó|jelszava|jelszavak|parola de acces|lozinka|geslo|slaptažodis|parool|mật khẩu|κωδικός|비번",
    "пароль|пароля|паролем|паролю|пароли|密码|密碼|口令|通行码|パスワード|パスフレーズ|비밀번호|패스워드|암호",
    "סיסמה|كلمة المرور|كلمة السر|รหัสผ่าน|पासवर्ड",
)
#: Words for keys that open something, and for shared secrets.
KEYS = _any(
    "api key|access key|account key|private key|signing key|encryption key|client key|master key|shared key|secret key",
    "pre shared key|preshared key|auth key|authentication key|subscription key|storage key|license key|licence key",
    "product key|activation key|network key|security key|wpa key|wep key|wifi key|wi-fi key|wlan key|session key|psk"
    "|psk key",
    "client secret|app secret|shared secret|consumer secret|webhook secret|api secret|secret access key|service key"
    "|decryption key|signing secret|key string|hmac key|sas key|app key|application key|consumer key|deploy key",
    "api schlüssel|zugangsschlüssel|netzwerkschlüssel|wlan schlüssel|lizenzschlüssel|geheimschlüssel"
    "|privater schlüssel",
    "sicherheitsschlüssel|zugriffsschlüssel|clé api|clé d'api|clé secrète|clé wifi|clé wi-fi|clé d'accès|clave api",
    "clave de api|clave secreta|clave de acceso|clave wifi|chiave api|chiave segreta|chiave wifi|chiave di accesso",
    "chave api|chave de api|chave secreta|chave de acesso|api sleutel|toegangssleutel|klucz api|tajny klucz|api klíč",
    "tajný klíč|api anahtarı|gizli anahtar|api nyckel|hemlig nyckel|api nøgle|api avain|salainen avain|api kulcs",
    "titkos kulcs|cheie api|cheie secretă|api ключ|ключ api|секретный ключ",
    "密钥|密鑰|金钥|秘密鍵|暗号鍵|apiキー|シークレットキー",
    "api 키|비밀 키|개인 키|시크릿 키|авторизационный ключ",
)
#: Words for secrets in general, and for what a server hands out to prove a login.
SECRETS = _any("secret|секрет|シークレット|시크릿|geheimnis")
TOKENS = _any("token|jeton|jwt|токен|トークン|토큰|令牌")
CREDENTIALS = _any(
    "credentials|credential|creds|zugangsdaten|anmeldedaten|identifiants|credenciales|credenziali|credenciais",
    "inloggegevens|dane logowania|přihlašovací údaje|inloggningsuppgifter|учетные данные|凭据|認証情報|자격 증명",
)
#: Short words that mean something else as often: they need a sign, or a value that looks like one.
_SHORT = _any(
    "pw|pass|passw|mdp|psw|pswd|pwrd|passwd|user pass|userpass|db pass|dbpass|rootpass|adminpass|keypass|storepass"
    "|smtppass",
    "loginpass|mqttpass|sslpass|wifipass|ftppass|clave|parola|code d'accès|otp|totp|passin|passout",
)
_PIN_CODE = _any(
    "pin code|pincode|pin number|pin nummer|pin nr|pin kod|pin koodi|pin kode|code pin|código pin|codice pin|kod pin"
    "|pin код",
    "geheimzahl|puk|puk code|暗証番号|пин код|пинкод|pinコード|pin번호|핀번호|pin码",
)
_COMMUNITY = (
    r"(?:(?<![^\W_])|(?<=read)|(?<=write)|(?<=snmp)|(?<=trap)|(?<=get)|(?<=set))community(?:[\s_-]?(?:string|name))?"
)

#: Where a name of a secret stands in a folded text; the group says of which kind.
NAME = re.compile(
    rf"(?P<password>{PASSWORDS}(?!화|less|box))"
    rf"|(?P<key>{KEYS})"
    rf"|(?P<secret>{SECRETS}(?!ar))"
    rf"|(?P<token>{TOKENS}(?!i[sz]))"
    rf"|(?P<credential>{CREDENTIALS})"
    rf"|(?P<pin_code>{_PIN_CODE})"
    rf"|(?P<pin>(?<![^\W_])pin(?![^\W_]))"
    rf"|(?P<community>{_COMMUNITY})"
    rf"|(?P<short>(?<![^\W_]){_SHORT}(?![^\W_]))"
    r"|(?P<sign>(?<![^\W_])(?:sig|signature|hmac|auth|(?<!\w)key)(?=[\"'\\]{0,9}\s?[:=]))"
)
#: One of these is in every folded text that :data:`NAME` finds something in; looking for them is cheap.
STEMS = tuple(
    sorted(
        {
            *(
                "pass",
                "pasw",
                "pwd",
                "key",
                "secret",
                "token",
                "cred",
                "pin",
                "pw",
                "psw",
                "psk",
                "sig",
                "hmac",
                "auth",
            ),
            *("community", "otp", "puk", "mdp", "code", "kod", "bearer", folded("비번")),
            *map(
                folded,
                ("kenn", "losungs", "geheim", "parol", "parool", "mot de", "mots de", "motde", "phrase", "contras"),
            ),
            *map(
                folded, ("senha", "palavra", "wacht", "hasł", "hesl", "şifr", "lösen", "kodeord", "salasana", "tunnus")
            ),
            *map(
                folded,
                (
                    "jelsz",
                    "lozin",
                    "gesl",
                    "slapta",
                    "mật",
                    "κωδικ",
                    "парол",
                    "密",
                    "口令",
                    "通行",
                    "パス",
                    "暗",
                    "비밀",
                ),
            ),
            *map(
                folded, ("패스", "암호", "סיסמה", "كلمة", "รหัส", "पास", "schlüssel", "clé", "clave", "chiave", "chave")
            ),
            *map(
                folded,
                ("sleutel", "klucz", "klíč", "anahtar", "nyckel", "nøgle", "avain", "kulcs", "chei", "ключ", "金钥"),
            ),
            *map(
                folded,
                (
                    "秘",
                    "キー",
                    "シークレット",
                    "키",
                    "секрет",
                    "시크릿",
                    "jeton",
                    "jwt",
                    "токен",
                    "トークン",
                    "토큰",
                    "令牌",
                ),
            ),
            *map(
                folded,
                ("zugang", "anmelde", "identifiant", "creden", "inlog", "dane logo", "přihl", "учетн", "凭", "認証"),
            ),
            *map(folded, ("자격", "пин", "핀")),
        }
    )
)

#: What a name says that is about a secret and holds none: ``password_length``, ``tokenType``, ``secret-name``.
_ABOUT = re.compile(
    r"(?:s|en)?[\s_.\-]{0,2}(?:length|len(?![a-z])|age(?![a-z])|expir|expiry|policy|policies|count|type|name(?!d)"
    r"|file|path|dir|url|uri"
    r"|endpoint|manager|service(?!key)|provider|stat(?:e|us)|error|version|rotation|rotated|min|max|days|required"
    r"|enabled|disabled|ref(?![a-z])|refs|attempt|retr|prompt|format|strength|mismatch|alg|changed|last|valid"
    r"|invalid|verif|check|bucket|ring|limit|usage|used|ttl|lifetime|scope|issuer|audience|id(?![a-z])|ids"
    r"|store|vault|engine|backend|management|protect|protected|complex|history|auth(?![a-z])|authentication|grant"
    r"|position|index|size|hint|label|field|exchange|timeout|set(?![a-z])|exists|present|missing|sharing|signing"
    r"|laenge|lange|ablauf|richtlinie|datei|pfad|wechsel)"
)
#: A number of these, and no secret.
_COUNTED = re.compile(
    r"s[\W_]{0,3}\Z|(?:max|min|num|count|total|used|prompt|completion|input|output)[\s_.\-]?\w*tokens?\Z"
)

#: What says something of a secret, and is none.
_STOP = frozenset(
    folded(word)
    for line in resources.files("andon.core.redact")
    .joinpath("plain_words.txt")
    .read_text(encoding="utf-8")
    .splitlines()
    if not line.startswith("#")
    for word in line.split()
)
_FORMED = re.compile(
    r"(?:\w+(?:ed|ing|able|ible|ly|ness|ment|tion|sion|ance|ence|ity)|(?:ge|ver|be|ab|an|aus|ein|zuruck|un|er|zer"
    r"|ent)[a-z]+(?:t|en|ig|lich|bar|es)"
    r"|\w+(?:ado|ada|ido|ida|ato|ata|uto|uta|ung|keit|heit|lich|icht))\Z"
)
#: What a program writes where a value would stand.
_BLANK = re.compile(
    r"(?:<\*>|<(?:redacted|hidden|masked|removed|password|passwd|secret|token|none|null|nil|empty|value|unset|omitted)>"
    r"|\[(?:redacted|hidden|masked|filtered|removed|empty)\]|\$\{?\w+\}?|\$\(.*|%[sd]|%\(\w+\)s|\?"
    r"|\{\{\s?\w{0,40}\s?\}\}|\{(?:password|passwd|pwd|secret|token|key|\d)?\}|[a-z\d]{0,4}-?(?:\.{3}|…)"
    r"|[*•●·.…_#x-]{2,}|[*•●_-]|(?:none|null|nil|true|false|undefined|nan|\(null\)|\(none\)|\(empty\)))\Z"
)
_NUMBER = re.compile(r"[-+]?\d{1,3}(?:[.,]\d+)?%?\Z")
_OPAQUE = re.compile(r"(?=.{0,200}\d)(?=.{0,200}[^\W\d_])|.{0,200}[!@#$%^&*+=~?|\\€§].")
_MEASURED = re.compile(
    r"[-+]?\d+(?:[.,]\d+)?(?:ms|s|m|h|d|%|v|a|w|kw|mm|cm|bar|rpm|hz|khz|mhz|kb|mb|gb|kib|mib|c|°c|x|th|st|nd|rd|min"
    r"|sec)?\Z"
    r"|v\d[\d.]*\Z|0x[0-9a-f]{1,16}\Z|\d{1,4}[-:./]\d|[a-z]{1,3}\d{1,3}\Z"
)


def says_nothing(word: str) -> bool:
    """Whether a folded value is a placeholder or no value at all."""
    return not word or _BLANK.match(word) is not None


def is_plain(word: str) -> bool:
    """Whether a folded word is one that says something of a secret, such as ``expired``."""
    return word.strip(".,;:!?()[]'\"’") in _STOP or says_nothing(word)


def is_formed(word: str) -> bool:
    """Whether a folded word looks like an adjective, a participle or an abstract noun of a sentence."""
    return is_plain(word) or _FORMED.match(word) is not None


def is_opaque(word: str) -> bool:
    """Whether a word looks typed to be secret: letters mixed with digits or signs, and no measured value."""
    if "<*" in word and word.strip(".,;:()") != "<*>":
        return True  # of a problem's text, in which digits are masked
    return _OPAQUE.match(word) is not None and not _MEASURED.match(folded(word)) and "://" not in word


def is_mixed(word: str) -> bool:
    """Whether three of small letters, capitals, digits and signs are in ``word``."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum() and c not in "-_./:,")
    return len(word) >= 6 and sum(any(map(kind, word)) for kind in kinds) >= 3


def is_short_number(word: str) -> bool:
    """Whether ``word`` is a number of three digits at most."""
    return _NUMBER.match(word) is not None


#: Characters of a word by which it is judged.
_LOOKED_AT = 400


def entropy(word: str) -> float:
    """Bits for each character, by how often each occurs in ``word``."""
    total = len(word)
    return -sum(n / total * math.log2(n / total) for n in Counter(word).values()) if total else 0.0


def is_random(word: str) -> bool:
    """Whether ``word`` looks drawn by lot: long, of both cases and digits, with much in each character."""
    word = word[:_LOOKED_AT]
    return (
        len(word) >= 20
        and word.count("/") < 3
        and any(c.isdigit() for c in word)
        and any(c.islower() for c in word)
        and any(c.isupper() for c in word)
        and entropy(word) >= 3.6
    )


def is_about(rest: str) -> bool:
    """Whether what follows a name makes it one that is about a secret, such as ``_length``."""
    return _ABOUT.match(rest) is not None


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: Names of fields whose whole value is a secret, though the word alone is none.
_WHOLE = re.compile(
    r"(?:(?:proxy|www)?[\s_.\-]?authori[sz]ation|(?:set[\s_.\-]?)?cookies?2?|x[\s_.\-]auth|(?:http_)?auth|pin|pw"
    r"|pass|psw|mdp|sig|otp"
    r"|bearer|jsessionid|phpsessid|asp[._]net_sessionid|pgpassword|mysql_pwd|snmp[\s_.\-]?community|(?:ro|rw|read"
    r"|write)[\s_.\-]?community"
    r"|community[\s_.\-]?(?:string|name)?|credentials?|creds)\Z"
)


def kind_of_key(key: str) -> str | None:
    """The kind of secret that the value of a field called ``key`` is, None where it is none.

    ``weak`` is one whose value decides: ``pin`` of a connector or of a person.

    >>> kind_of_key("dbPassword"), kind_of_key("password_length"), kind_of_key("pin"), kind_of_key("X-Api-Key")
    ('password', None, 'weak', 'key')
    """
    name = folded(_CAMEL.sub("_", key[:200])).strip(" -_/'\":")
    if not any(stem in name for stem in STEMS) and not _WHOLE.match(name):
        return None
    whole = _WHOLE.match(name)
    if whole:
        return (
            "weak"
            if name in ("pin", "pass", "auth", "bearer")
            else "credential"
            if name.startswith("cred")
            else "whole"
        )
    every = list(NAME.finditer(name))
    found = every[-1] if every else None
    if found is None or found.lastgroup in ("sign", None):
        return None
    rest = name[found.end() :]
    if is_about(rest) or (found.lastgroup == "token" and _COUNTED.search(name)):
        return "counted" if rest.strip("_") == "s" else None
    if len(rest) > 30 or (found.lastgroup == "community" and "snmp" not in name):
        return None
    if found.lastgroup in ("pin", "short"):
        return "weak"
    return found.lastgroup
