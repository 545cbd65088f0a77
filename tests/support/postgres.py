"""A PostgreSQL server of the tests' own: one cluster for the whole run, a database for each test."""

from __future__ import annotations

import atexit
import base64
import functools
import hashlib
import hmac
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections import deque
from pathlib import Path

import psycopg
from psycopg import sql

from andon.core.settings.database_url import PostgresAddress
from andon.store import prepare
from support.patience import PATIENCE
from support.ports import free_ports
from support.renewing import Original

PASSWORD = "p@ss/w:rd"
QUOTED = "p%40ss%2Fw%3Ard"
MISSING = (
    "NO POSTGRESQL SERVER HERE: everything about DB_PATH=postgresql://… IS UNTESTED in this run; "
    "apt-get install postgresql"
)
_TEMPLATE = "andon_template"


def binaries() -> Path | None:
    """The directory of the server's programs: on PATH, or where Debian puts them, the newest first."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(installed, key=lambda place: float(place.parent.name), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


class Cluster:
    """A cluster on a free loopback port, not synced to any disk; user ``andon``, who is no superuser."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._account = _account()
        self._place = Path(tempfile.mkdtemp(prefix="andon-postgres-"))
        self._numbers = itertools.count(1)
        self._used: deque[str] = deque(maxlen=4)
        self._process: subprocess.Popen[bytes] | None = None
        self.own(self._place)
        atexit.register(self.close)
        password = self._place / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            programs / "initdb", "-D", self._place / "data", "-U", "admin", "-A", "scram-sha-256", "--no-sync",
            f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        (self.port,) = free_ports(1)
        self.start()
        with self.admin() as connection:
            connection.execute(sql.SQL("CREATE ROLE andon LOGIN PASSWORD {}").format(sql.Literal(_verifier(PASSWORD))))
            connection.execute(sql.SQL("ALTER ROLE admin PASSWORD {}").format(sql.Literal(_verifier(PASSWORD))))
        self._create(_TEMPLATE, "template0")
        prepare(self.address(_TEMPLATE), durability="normal")
        with self.admin(_TEMPLATE) as connection:
            self._original = Original(connection)

    def _run(self, *command: object) -> None:
        done = subprocess.run([*self._as_account(), *map(str, command)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")

    def _as_account(self) -> list[str]:
        if self._account is None:
            return []
        ids = [f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}", "--clear-groups"]
        return ["setpriv", *ids, "--"]

    def start(self) -> None:
        """Start the server and wait until it answers. Call it in the main thread: the server ends with its thread."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": 60,
            "max_wal_size": "256MB",
            "autovacuum": "off",
            "log_destination": "stderr",
            "logging_collector": "off",
        }
        arguments = [f"-c{name}={value}" for name, value in options.items()]
        # The server ends when this process does, however that ends.
        tied = ["setpriv", "--pdeathsig=QUIT", "--"] if shutil.which("setpriv") else []
        with (self._place / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_account(), *tied, self._programs / "postgres", "-D", self._place / "data", *arguments],
                stdout=log,
                stderr=log,
                cwd=self._place,
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.admin().close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError(f"PostgreSQL did not start: {self.log()[-2000:]}") from None
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """kill -9 of the server and of everything it started."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._process.kill()
        self._process.wait()
        # A new server refuses to start while one of the old one's processes lives; they end by themselves soon.
        deadline = time.monotonic() + PATIENCE
        while any(_alive(int(child)) for child in children):
            assert time.monotonic() < deadline, "PostgreSQL's processes did not end"
            time.sleep(0.02)

    def close(self) -> None:
        """Stop the server and remove all of it; idempotent."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()  # smart: waits for clients
            self._process.send_signal(2)  # fast: does not
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._place, ignore_errors=True)

    def log(self) -> str:
        """What the server logged."""
        return (self._place / "log").read_text(errors="replace")

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """A connection as superuser."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="admin", password=PASSWORD, dbname=database, autocommit=True
        )

    @property
    def shared(self) -> Path:
        """A directory that the server's user can reach too."""
        return self._place

    def own(self, place: Path) -> None:
        """Give a file or directory to the server's user."""
        if self._account is not None:
            os.chown(place, self._account.pw_uid, self._account.pw_gid)

    def drop_tablespace(self, name: str) -> None:
        """Remove a tablespace and every database in it."""
        with self.admin() as connection:
            inside = connection.execute(
                "SELECT datname FROM pg_database AS d JOIN pg_tablespace AS t ON t.oid = d.dattablespace"
                " WHERE t.spcname = %s",
                (name,),
            ).fetchall()
            for (database,) in inside:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
            connection.execute(sql.SQL("DROP TABLESPACE IF EXISTS {}").format(sql.Identifier(name)))

    def address(self, database: str, user: str = "andon", password: str = QUOTED) -> PostgresAddress:
        """The address of a database, as DB_PATH names it."""
        return PostgresAddress.parse(f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}")

    def _create(self, name: str, template: str, *options: str) -> None:
        with self.admin() as connection:
            # Copying the template's files is twice as quick as logging its pages, and all there was before 15.
            how = "STRATEGY file_copy " if connection.info.server_version >= 150_000 else ""
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER andon TEMPLATE {} " + how).format(
                    sql.Identifier(name), sql.Identifier(template)
                )
                + sql.SQL(" ").join(sql.SQL(option) for option in options)  # type: ignore[arg-type]  # our own words
            )

    def empty(self, *options: str) -> PostgresAddress:
        """A new database with nothing in it; ``options`` of CREATE DATABASE."""
        name = f"empty_{next(self._numbers)}"
        self._create(name, "template0", *options)
        return self.address(name)

    def prepared(self) -> PostgresAddress:
        """A database with our schema and nothing in it: one that was given back, or a new one."""
        for name in list(self._used):
            with self.admin(name) as connection:
                if self._original.restore(connection):
                    self._used.remove(name)
                    return self.address(name)
        name = f"test_{next(self._numbers)}"
        self._create(name, _TEMPLATE)
        return self.address(name)

    def give_back(self, address: PostgresAddress) -> None:
        """A database that is needed no more; whatever was done to it, another test may have it afterwards."""
        self._used.append(address.url.rpartition("/")[2])


def _verifier(password: str) -> str:
    """What the server keeps of a password. With one round, where it would take thousands: tests connect that often."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    served = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(one).decode() for one in (salt, stored, served)]
    return f"SCRAM-SHA-256$1:{text[0]}${text[1]}:{text[2]}"


def _verifier(password: str) -> str:
    """What the server keeps of a password. With one round, where it would take thousands: tests connect that often."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    served = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(one).decode() for one in (salt, stored, served)]
    return f"SCRAM-SHA-256$1:{text[0]}${text[1]}:{text[2]}"


def _account() -> pwd.struct_passwd | None:
    """The user that the server runs as where we are root, which it refuses."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@functools.cache
def cluster() -> Cluster | None:
    """The cluster of this run, started on first use; None where there are no programs to start."""
    programs = binaries()
    return None if programs is None else Cluster(programs)
