# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests, on free loopback ports.

A test never finds a server that somebody set up before: it starts its own,
from an empty directory, and everything is gone when the test process is
gone, however that ended (see ``_KEEPER``).

Tests usually want one server per test process, and a database per test::

    server = servers.require(servers.mariadb)
    url = server.create_database()
    self.addCleanup(server.drop_database, url)

Fault tests start a server of their own (``servers.MariaDB()``), as they
kill and freeze it.
"""

import atexit
import contextlib
import functools
import glob
import http.client
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import sqlalchemy
from sqlalchemy import pool

# Fixed at import: oslotest lets each test have a temporary directory of its
# own, whereas a server may outlive the test that happened to start it.
_TMP = tempfile.gettempdir()

# What ends a server when its test process is gone: a shell, in a session of
# its own, that reads the id of the server's process from a pipe whose other
# end only the test process has. The end of that file means that the test
# process stopped it or is gone, even by SIGKILL.
#
# PR_SET_PDEATHSIG (setpriv --pdeathsig) would look simpler, but it fires
# when the *thread* that started the server ends, it reaches the first
# process only (the workers of nginx and the frozen backends of PostgreSQL
# would live on), and it leaves the directory behind.
_KEEPER = '''
end() {
    kill -s STOP "$1"
    for child in $(grep -ls "^PPid:.$1\\$" /proc/[0-9]*/status); do
        child=${child#/proc/}
        end "${child%/status}"
    done
    kill -s KILL "$1"
}
while read -r line; do pid=$line; done
[ -z "$pid" ] || { end "$pid"; kill -s KILL -- "-$pid"; }
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
'''


class Missing(Exception):
    """A program that a server needs is not installed."""


class Failed(Exception):
    """A server did not start; the message ends with its log."""


def free_port():
    """A port of 127.0.0.1 that nothing listens on at this moment.

    From below Linux's ephemeral ports (32768 and up): while a killed server
    is away, no client of anything may be given its port, and no connection
    attempt may meet itself there, so that the server can come back and
    meanwhile connections are really refused. For the same reason no test
    process gets a port that another one got: an abstract socket claims it
    for as long as that process lives.
    """
    while True:
        port = random.randrange(20000, 32768)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(('127.0.0.1', port))
            claim.bind(f'\0usermsg-test-port-{port}')
            claim.detach()
            return port
        claim.close()


def find(program, source, *directories):
    """The path of a program, from directories rather than from PATH."""
    path = os.pathsep.join([*directories, os.environ.get('PATH', os.defpath)])
    found = shutil.which(program, path=path)
    if found is None:
        raise Missing(f'{program} is not installed; {source} brings it')
    return found


def _stat(pid):
    """State and parent of a process; state Z, as a zombie, if it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as stream:
            state, parent = stream.read().rpartition(')')[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return 'Z', None
    return state, int(parent)


def wait_until_frozen(pid):
    """After SIGSTOP, which stops all threads once one of them has run.

    Until then, on a busy machine for a while, the others go on.
    """
    while True:
        states = set()
        for path in glob.glob(f'/proc/{pid}/task/*/stat'):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(path, encoding='utf-8') as stream:
                    states.add(stream.read().rpartition(')')[2].split()[0])
        if states <= {'T', 't', 'Z', 'X'}:
            return
        time.sleep(0.01)


def _children(pid):
    processes = (int(path[6:]) for path in glob.glob('/proc/[0-9]*'))
    return [child for child in processes if _stat(child)[1] == pid]


class Process:
    """A server program and its temporary directory, which end together.

    :param command: program and arguments
    :param env: what to change in the environment
    :param ready: called until it returns rather than raises: then the
        server is ready
    :param user: if the tests are run by root, the user to run it as
    """

    #: What makes the server end quickly.
    stop_signal = signal.SIGTERM

    def __init__(self, command=(), env=None, ready=None, user=None):
        self.command = command
        self.ready = ready or (lambda: None)
        self.port = None
        self._user = user if os.geteuid() == 0 else None
        self._popen = None
        self._last_log = ''
        self._owner = os.getpid()
        self.directory = tempfile.mkdtemp(prefix='usermsg-', dir=_TMP)
        # Messages in English, as they are looked into.
        self.env = {**os.environ, 'LC_ALL': 'C.UTF-8',
                    'TMPDIR': self.directory, **(env or {})}
        self._keeper = subprocess.Popen(
            ['sh', '-c', _KEEPER, 'keeper', self.directory], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, cwd='/')
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.directory, account.pw_uid, account.pw_gid)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        """Write a file for the server into its directory."""
        with open(self.path(name), 'w', encoding='utf-8') as stream:
            stream.write(text)
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.path(name), account.pw_uid, account.pw_gid)
        return self.path(name)

    def log(self):
        """What the server wrote so far, also after it was stopped."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.path('log'), encoding='utf-8',
                      errors='replace') as stream:
                self._last_log = stream.read()
        return self._last_log

    def _spawn(self, command):
        as_user = {}
        if self._user:
            as_user = {'user': self._user, 'extra_groups': [],
                       'group': pwd.getpwnam(self._user).pw_gid}
        with open(self.path('log'), 'ab') as log:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.env, cwd=self.directory, start_new_session=True,
                **as_user)
        self._keeper.stdin.write(f'{self._popen.pid}\n'.encode())

    def run(self, command, deadline=60):
        """Run a command to its end, as the server would be run."""
        self._spawn(command)
        try:
            status = self._popen.wait(deadline)
        except subprocess.TimeoutExpired:
            status = f'still running after {deadline} s'
        finally:
            self.kill()
        if status != 0:
            raise Failed(f'{command[0]}: {status}\n{self.log()[-4000:]}')

    def start(self, deadline=60):
        """Start the server, the first time or again, until it is ready."""
        end = time.monotonic() + deadline
        reason = None
        self._spawn(self.command)
        try:
            while self._popen.poll() is None and time.monotonic() < end:
                try:
                    return self.ready()
                except Exception as exc:
                    reason = exc
                    time.sleep(0.03)
            status = self._popen.poll()
            if status is None:
                status = f'not ready after {deadline} s ({reason})'
        except BaseException:
            self.kill()
            raise
        self.kill()
        raise Failed(f'{self.command[0]}: {status}\n{self.log()[-4000:]}')

    def start_on_free_port(self, command, attempts=5):
        """Start command(port), on another port if the first was taken."""
        for left in reversed(range(attempts)):
            self.port = free_port()
            self.command = command(self.port)
            try:
                return self.start()
            except Failed:
                if not left or 'Address already in use' not in self.log():
                    raise

    def _signal(self, number):
        """Send a signal to the server's process and all below it.

        Not to the process group alone: each backend of PostgreSQL leads a
        group of its own. A process is stopped before its children are
        listed, so that none is born unseen.
        """
        pids = [self._popen.pid]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            pids += _children(pid)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pids

    def freeze(self):
        """Let the server answer nothing, with its connections open."""
        for pid in self._signal(signal.SIGSTOP):
            wait_until_frozen(pid)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def kill(self):
        """End the server as a crash would, and keep its directory."""
        if self._popen is None:
            return
        pids = []
        if self._popen.poll() is None:
            pids = self._signal(signal.SIGKILL)
            self._popen.wait()
        # Whoever outlived the first process, if that ended by itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        # Else a new server might find the old one's backends still there.
        while any(_stat(pid)[0] != 'Z' for pid in pids):
            time.sleep(0.01)
        self._popen = None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write(b'\n')

    def stop(self, deadline=10):
        """End the server and remove its directory.

        A forked child has the server too, but may not end it.
        """
        if self._keeper.stdin.closed or os.getpid() != self._owner:
            return
        if self._popen is not None and self._popen.poll() is None:
            self.thaw()
            self._popen.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(deadline)
        self.kill()
        self.log()
        self._keeper.stdin.close()
        self._keeper.wait()


class Database(Process):
    """What MariaDB and PostgreSQL have in common."""

    driver = maintenance = query = ''
    name = 'usermsg'
    timeouts = ('connect_timeout',)

    def __init__(self, user):
        super().__init__(
            user=user, ready=functools.partial(self._execute, timeout=5))
        self._password = secrets.token_hex(16)
        self._login = self.name

    def url(self, database, login=None):
        """The URL of a database, as of the user that owns them all."""
        return (f'{self.driver}://{login or self.name}:{self._password}'
                f'@127.0.0.1:{self.port}/{database}{self.query}')

    def _execute(self, *statements, timeout=60, login=None):
        engine = sqlalchemy.create_engine(
            self.url(self.maintenance, login or self._login),
            connect_args=dict.fromkeys(self.timeouts, timeout),
            poolclass=pool.NullPool, isolation_level='AUTOCOMMIT')
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(sqlalchemy.text(statement))

    def create_database(self):
        """Create an empty database and return its URL."""
        database = f'usermsg_{uuid.uuid4().hex}'
        self._execute(f'CREATE DATABASE {database}')
        return self.url(database)


class MariaDB(Database):
    """A MariaDB server.

    :param fast: write without fsync; what was committed survives the kill
        of the server, not of the machine
    :param options: further options of mariadbd
    """

    driver = 'mysql+pymysql'
    query = '?charset=utf8mb4'
    # The connect_timeout of PyMySQL ends before the server's greeting, for
    # which it waits forever if something else listens on the port.
    timeouts = ('connect_timeout', 'read_timeout')
    # The directory is removed anyway: a clean shutdown is wasted time.
    stop_signal = signal.SIGKILL

    def __init__(self, fast=False, options=()):
        source = "Debian's package mariadb-server"
        server = find('mariadbd', source, '/usr/sbin')
        install = find('mariadb-install-db', source, '/usr/bin')
        super().__init__('mysql')
        # Databases only, as an operator would grant: no SUPER, no files.
        user = f"'{self.name}'@'127.0.0.1'"
        init = self.write(
            'init.sql',
            f"CREATE USER IF NOT EXISTS {user} "
            f"IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL PRIVILEGES ON `usermsg\\_%`.* TO {user};\n")
        common = ['--no-defaults', f'--datadir={self.path("data")}',
                  '--innodb-log-file-size=16M']
        flush = ['--innodb-flush-method=nosync',
                 '--innodb-flush-log-at-trx-commit=2']
        try:
            # Not with its --user: that changes owner and mode of the PAM
            # plugin that is installed on this machine. The default way to
            # authenticate root (by socket) leaves no root without password.
            self.run([install, *common, '--skip-name-resolve',
                      '--skip-test-db', *flush])
            self.start_on_free_port(lambda port: [
                server, *common, '--bind-address=127.0.0.1',
                f'--port={port}', f'--socket={self.path("socket")}',
                f'--pid-file={self.path("pid")}', f'--init-file={init}',
                '--skip-name-resolve', '--innodb-buffer-pool-size=256M',
                '--character-set-server=utf8mb4',
                *(flush if fast else ()), *options])
        except BaseException:
            self.stop()
            raise

    def drop_database(self, url):
        """Drop a database, whatever transactions a test left open in it."""
        database = sqlalchemy.make_url(url).database
        self._execute(
            'BEGIN NOT ATOMIC '
            'FOR one IN (SELECT id FROM information_schema.processlist '
            f"WHERE db = '{database}') DO KILL one.id; END FOR; END",
            f'DROP DATABASE {database}')


class PostgreSQL(Database):
    """A PostgreSQL server.

    :param fast: write without fsync; what was committed survives the kill
        of the server, not of the machine
    :param options: further options of postgres
    """

    driver = 'postgresql+psycopg2'
    maintenance = 'postgres'
    # Without a checkpoint, but with its shared memory given back.
    stop_signal = signal.SIGQUIT

    def __init__(self, fast=False, options=()):
        # Where Debian has them, not in PATH; the newest version first.
        directories = sorted(glob.glob('/usr/lib/postgresql/[0-9]*/bin'),
                             key=lambda path: float(path.split('/')[4]),
                             reverse=True)
        source = "Debian's package postgresql"
        server = find('postgres', source, *directories)
        install = find('initdb', source, *directories)
        super().__init__('postgres')
        self._login = 'postgres'
        password = self.write('password', self._password)
        try:
            self.run([install, f'--pgdata={self.path("data")}', '--no-sync',
                      '--username=postgres', f'--pwfile={password}',
                      '--auth=scram-sha-256', '--encoding=UTF8',
                      '--locale=C.UTF-8', '--lc-messages=C'])
            # Shared memory as files in the directory, which do not stay
            # behind when the server is killed.
            settings = {'listen_addresses': '127.0.0.1',
                        'unix_socket_directories': '',
                        'dynamic_shared_memory_type': 'mmap'}
            if fast:
                settings.update(fsync='off', full_page_writes='off')
            self.start_on_free_port(lambda port: [
                server, '-D', self.path('data'), '-p', str(port),
                *(f'--{name}={value}' for name, value in settings.items()),
                *options])
            self._execute(f'CREATE ROLE {self.name} LOGIN CREATEDB '
                          f"PASSWORD '{self._password}'")
        except BaseException:
            self.stop()
            raise
        self._login = self.name

    def drop_database(self, url):
        """Drop a database, whatever connections a test left open to it."""
        database = sqlalchemy.make_url(url).database
        # Nobody else may end the server's own processes, such as one that
        # just looks what can be vacuumed there.
        self._execute(f'DROP DATABASE {database} WITH (FORCE)',
                      login='postgres')


class Uwsgi(Process):
    """A WSGI application, served over HTTP by uWSGI.

    :param module: the application, as in 'package.module:application'
    :param env: what to change in the environment
    :param options: further options of uwsgi
    """

    def __init__(self, module, env=None, options=()):
        # That of this very environment, and the code that the tests import.
        program = find('uwsgi', 'uWSGI from PyPI',
                       os.path.dirname(sys.executable))
        super().__init__(
            env={'PYTHONPATH': os.pathsep.join(filter(None, sys.path)),
                 **(env or {})},
            ready=self._answers)
        try:
            self.start_on_free_port(lambda port: [
                program, '--http-socket', f'127.0.0.1:{port}', '--master',
                '--enable-threads', '--need-app', '--die-on-term',
                '--module', module, *options])
        except BaseException:
            self.stop()
            raise

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def _answers(self):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request('GET', '/')
            connection.getresponse()


def _until_exit(server):
    atexit.register(server.stop)
    return server


@functools.cache
def mariadb():
    """The MariaDB server of this test process."""
    return _until_exit(MariaDB())


@functools.cache
def postgresql():
    """The PostgreSQL server of this test process."""
    return _until_exit(PostgreSQL())


def require(factory):
    """factory(), or skip the test if its programs are not installed.

    In continuous integration that is a failure: tests that are skipped
    there are tests that nobody runs.
    """
    try:
        return factory()
    except Missing as exc:
        if os.environ.get('CI') in ('true', '1'):
            raise AssertionError(str(exc)) from exc
        raise unittest.SkipTest(str(exc)) from exc
