# SPDX-License-Identifier: Apache-2.0
"""The example files of etc/usermsg, run: nginx with TLS before uWSGI.

What a test changes in an example is named here, and has to be there: paths,
ports, and the user.
"""

import atexit
import contextlib
import functools
import grp
import http.client
import os
import pwd
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from usermsg import config
from usermsg.tests import base
from usermsg.tests.functional.http import client
from usermsg.tests.functional import servers

EXAMPLES = base.ROOT / 'etc' / 'usermsg'

#: The server_name of nginx.conf.
NAME = 'user-message.example.org'


def example(name, changes=None):
    """The text of an example.

    :param changes: what to replace in it -> with what
    """
    text = (EXAMPLES / name).read_text(encoding='utf-8')
    for old, new in (changes or {}).items():
        if f'{old}\n' not in text:
            raise AssertionError(f'{name} has no line that ends in: {old}')
        text = text.replace(f'{old}\n', f'{new}\n')
    return text


class Uwsgi(servers.Process):
    """uWSGI on uwsgi.ini, which tells as to systemd that it is ready.

    :param config_file: of usermsg
    :param changes: further changes of the example
    """

    #: What the master says last when it starts.
    _LAST = 'spawned uWSGI worker 4 '

    def __init__(self, config_file, changes=None, env=None):
        program = servers.find('uwsgi', 'uWSGI from PyPI',
                               os.path.dirname(sys.executable))
        super().__init__(ready=self._is_ready)
        # Of this very environment, and the code that the tests import.
        self.env.update({
            'PYTHONPATH': os.pathsep.join(filter(None, sys.path)),
            config.CONFIG_FILES_VARIABLE: config_file,
            'NOTIFY_SOCKET': self.path('notify'), **(env or {})})
        self.socket = self.path('api.socket')
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(self.path('notify'))
        self._ready = threading.Event()
        # As long as it runs: its master waits for whoever doesn't listen.
        threading.Thread(target=self._listen, daemon=True).start()
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.command = [program, '--ini', self.write('uwsgi.ini', example(
            'uwsgi.ini', {
                'virtualenv = /opt/usermsg': f'virtualenv = {sys.prefix}',
                'uid = usermsg': f'uid = {user}',
                'gid = usermsg': f'gid = {grp.getgrgid(os.getegid()).gr_name}',
                'socket = /run/usermsg/api.socket':
                    f'socket = {self.socket}',
                **(changes or {})}))]
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def _listen(self):
        with self._notified:
            while said := self._notified.recv(4096):
                if b'READY=1' in said:
                    self._ready.set()

    def _is_ready(self):
        if not self._ready.wait(0.1):
            raise LookupError('it has not said that it is ready')

    def stop(self, deadline=10):
        super().stop(deadline)
        # The thread gets nothing more, which is the end.
        with contextlib.suppress(OSError):
            self._notified.shutdown(socket.SHUT_RD)

    def reload(self, deadline=60):
        """As "systemctl reload" does; returns when it is up again.

        By its log: uWSGI doesn't tell systemd that.
        """
        end = time.monotonic() + deadline
        before = self.log().count(self._LAST)
        self._popen.send_signal(signal.SIGHUP)
        while self.log().count(self._LAST) == before:
            if time.monotonic() > end:
                raise servers.Failed(f'it did not come back\n{self.log()}')
            time.sleep(0.03)

    def end(self, number, deadline=60):
        """Ask it to end; returns its exit status."""
        self._popen.send_signal(number)
        return self._popen.wait(deadline)


class Nginx(servers.Process):
    """nginx on nginx.conf, with a certificate of its own.

    :param upstream: the socket of uWSGI
    """

    def __init__(self, upstream, changes=None):
        program = servers.find('nginx', "Debian's package nginx",
                               '/usr/sbin')
        openssl = servers.find('openssl', "Debian's package openssl")
        super().__init__(ready=lambda: self.connect().close())
        self._program = program
        self._changes = {
            'server unix:/run/usermsg/api.socket;':
                f'server unix:{upstream};',
            'listen [::]:443 ssl;': '',
            'ssl_certificate /etc/nginx/usermsg.crt;':
                f'ssl_certificate {self.path("crt")};',
            'ssl_certificate_key /etc/nginx/usermsg.key;':
                f'ssl_certificate_key {self.path("key")};',
            'access_log /var/log/nginx/usermsg.log usermsg;':
                f'access_log {self.path("access")} usermsg;',
            **(changes or {})}
        try:
            subprocess.run(
                [openssl, 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                 '-subj', f'/CN={NAME}', '-addext',
                 f'subjectAltName=DNS:{NAME}', '-keyout', self.path('key'),
                 '-out', self.path('crt')], check=True, capture_output=True)
            self.start_on_free_port(self._command)
        except BaseException:
            self.stop()
            raise

    def _command(self, port):
        self.write('usermsg.conf', example('nginx.conf', {
            **self._changes,
            'listen 443 ssl;': f'listen 127.0.0.1:{port} ssl;'}))
        # What surrounds a file of /etc/nginx/conf.d.
        user = pwd.getpwuid(os.geteuid()).pw_name
        main = self.write('nginx.conf', '\n'.join([
            f'user {user};' if os.geteuid() == 0 else '',
            'worker_processes 1;', 'daemon off;',
            f'pid {self.path("pid")};',
            'events { worker_connections 256; }',
            'http {',
            *(f'{kind}_temp_path {self.path(kind)};' for kind in (
                'client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi')),
            f'include {self.path("usermsg.conf")};', '}', '']))
        return [self._program, '-e', 'stderr', '-c', main]

    def check(self):
        """Let nginx check the file; returns (exit status, output)."""
        done = subprocess.run(
            [self._program, '-t', '-e', 'stderr', '-c',
             self.path('nginx.conf')], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def connect(self, timeout=60):
        """A socket with TLS, of a server that has proved its name."""
        trust = ssl.create_default_context(cafile=self.path('crt'))
        plain = socket.create_connection(('127.0.0.1', self.port), timeout)
        try:
            return trust.wrap_socket(plain, server_hostname=NAME)
        except BaseException:
            plain.close()
            raise

    def ask(self, address, method='GET', headers=None, body=None):
        """One request; returns (answer, body in bytes)."""
        connection = http.client.HTTPConnection(NAME)
        connection.sock = self.connect()
        try:
            connection.request(method, address, body, headers or {})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


class Shared:
    """nginx, uWSGI, and ``runtime``, which is one on their configuration."""

    def __init__(self):
        # Only a directory that goes when the others do.
        self._home = servers.Process()
        atexit.register(self._home.stop)
        self.runtime = client.make_runtime(self._home.directory, api={
            'auth_strategy': 'noauth', 'allow_insecure_noauth': 'true'})
        self.uwsgi = Uwsgi(self._home.path('usermsg.conf'))
        atexit.register(self.uwsgi.stop)
        self.nginx = Nginx(self.uwsgi.socket)
        atexit.register(self.nginx.stop)


@functools.cache
def shared():
    """Those of this test process, for tests that leave them as they are."""
    return Shared()
