# SPDX-License-Identifier: Apache-2.0
"""A real RabbitMQ for tests, of Debian's package.

It speaks AMQP 0-9-1 and, by its plug-in, AMQP 1.0 on the same port, and both
over TLS on another. Tests share the one of their process, and each has a
virtual host of its own::

    broker = servers.require(rabbitmq.shared)
    vhost = broker.create_vhost()
    self.addCleanup(vhost.delete)
    vhost.url('rabbit')          # a transport_url
    vhost.declare('images', 'glance', 'notifications.info')
    vhost.read('images', count=3)

AMQP 1.0 has no path in its URLs: there, the host name that a client gives
when it opens is ``vhost:NAME``.

Tests that kill it, fill it or freeze it for long start their own::

    broker = servers.require(rabbitmq.RabbitMQ)
    self.addCleanup(broker.stop)

A start takes some seven seconds of CPU. ``kill()``, ``shut_down()`` and
``start()`` keep what it stored.
"""

import atexit
import base64
import contextlib
import functools
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.parse
import uuid

import kombu

from usermsg.tests.functional import certificates
from usermsg.tests.functional import servers

_SOURCE = "Debian's package rabbitmq-server"
_DIRECTORY = '/usr/lib/rabbitmq/bin'
_PLUGINS = '[rabbitmq_amqp1_0,rabbitmq_management].\n'
# The daemon that tells nodes each other's ports would otherwise be started
# by the node, outlive it, and be shared with other nodes. The shell becomes
# the node, so that signals reach that.
_START = '"$1" -address 127.0.0.1 -port "$ERL_EPMD_PORT" & exec "$2"'


class RabbitMQ(servers.Process):
    """A node. It has a ``port`` and, for TLS, a ``tls_port``.

    Whom its certificate is from stands in the file ``ca``.

    :param settings: further settings of rabbitmq.conf, a dict
    """

    host = '127.0.0.1'
    # Its directory is removed anyway; to end in order takes it six seconds.
    stop_signal = signal.SIGKILL

    def __init__(self, settings=None):
        self._server = servers.find('rabbitmq-server', _SOURCE, _DIRECTORY)
        self._program = servers.find('rabbitmqctl', _SOURCE, _DIRECTORY)
        self._epmd = servers.find('epmd', _SOURCE)
        super().__init__(user='rabbitmq', ready=self._answers)
        self.user = 'usermsg'
        self.password = secrets.token_hex(16)
        self._settings = settings or {}
        # Nothing of what is configured for a node of the machine.
        for name in list(self.env):
            if name.startswith(('RABBITMQ_', 'ERL_')):
                del self.env[name]
        try:
            authority = certificates.Authority()
            certificate, key = authority.issue('localhost', self.host)
            self.ca = self.write('ca.pem', authority.pem)
            self._certificate = self.write('server.pem', certificate)
            self._key = self.write('server.key', key)
            self.start_on_free_port(self._configure)
        except BaseException:
            self.stop()
            raise

    def _configure(self, port):
        """Write the configuration; the command that starts a node of it."""
        self.tls_port, self._http_port, epmd, node, control = (
            servers.free_port() for _ in range(5))
        settings = {
            'listeners.tcp.1': f'{self.host}:{port}',
            'listeners.ssl.1': f'{self.host}:{self.tls_port}',
            'ssl_options.cacertfile': self.ca,
            'ssl_options.certfile': self._certificate,
            'ssl_options.keyfile': self._key,
            'management.tcp.ip': self.host,
            'management.tcp.port': self._http_port,
            # Statistics would cost as much as what is measured.
            'management_agent.disable_metrics_collector': 'true',
            'default_user': self.user,
            'default_pass': self.password,
            # How full the machine's disk is isn't the test's concern.
            'disk_free_limit.absolute': '1MB',
            **self._settings,
        }
        self.env.update(
            # Of the cookie that lets rabbitmqctl in.
            HOME=self.directory,
            ERL_EPMD_PORT=str(epmd),
            ERL_EPMD_ADDRESS=self.host,
            RABBITMQ_NODENAME=f'usermsg-{uuid.uuid4().hex}@localhost',
            RABBITMQ_DIST_PORT=str(node),
            RABBITMQ_CTL_DIST_PORT_MIN=str(control),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                '-kernel inet_dist_use_interface {127,0,0,1}'),
            RABBITMQ_CONF_ENV_FILE=self.path('rabbitmq-env.conf'),
            RABBITMQ_ADVANCED_CONFIG_FILE=self.path('advanced.config'),
            RABBITMQ_CONFIG_FILE=self.write('rabbitmq.conf', ''.join(
                f'{name} = {value}\n' for name, value in settings.items())),
            RABBITMQ_ENABLED_PLUGINS_FILE=self.write('plugins', _PLUGINS),
            RABBITMQ_MNESIA_BASE=self.path('data'),
            RABBITMQ_LOG_BASE=self.directory,
            RABBITMQ_LOGS='-',
            # Without one more shell, which would answer signals for it.
            RUNNING_UNDER_SYSTEMD='true')
        return ['sh', '-c', _START, 'node', self._epmd, self._server]

    def _answers(self):
        """Raises until all ports are there."""
        self.ask('GET', 'vhosts')
        with self.connection(timeout=5) as connection:
            connection.connect()
        socket.create_connection((self.host, self.tls_port), 5).close()

    def url(self, scheme, vhost='/', port=None, login=None):
        """As oslo.messaging and kombu have them.

        :param login: (user, password), if not the one who may do everything
        """
        user, password = login or (self.user, self.password)
        return (f'{scheme}://{user}:{password}@{self.host}:'
                f'{port or self.port}/{urllib.parse.quote(vhost, safe="")}')

    def connection(self, vhost='/', timeout=30):
        """A kombu.Connection, not yet connected; the caller closes it."""
        return kombu.Connection(
            self.url('amqp', vhost), connect_timeout=timeout)

    def ask(self, method, path, content=None):
        """What its HTTP API answers.

        :param path: below ``/api``
        """
        login = base64.b64encode(f'{self.user}:{self.password}'.encode())
        connection = http.client.HTTPConnection(
            self.host, self._http_port, timeout=30)
        with contextlib.closing(connection):
            connection.request(
                method, f'/api/{path}', json.dumps(content or {}),
                {'Authorization': f'Basic {login.decode()}',
                 'Content-Type': 'application/json'})
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status >= 300:
            raise servers.Failed(f'{method} {path}: {answer.status} {text}')
        return json.loads(text) if text else None

    def create_vhost(self):
        """A new virtual host, in which the user may do everything."""
        name = f'test-{uuid.uuid4().hex}'
        self.ask('PUT', f'vhosts/{name}')
        return Vhost(self, name)

    def control(self, *arguments):
        """Run rabbitmqctl, which takes a second or two; what it says."""
        user = {'user': self._user, 'extra_groups': []} if self._user else {}
        done = subprocess.run(
            [self._program, *arguments], cwd=self.directory, env=self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60, **user)
        if done.returncode:
            raise servers.Failed(f'{arguments[0]}: {done.stdout}')
        return done.stdout

    def fill(self):
        """Let it take no more messages: its memory is full, it believes."""
        self.control('set_vm_memory_high_watermark', '0.00001')

    def empty(self):
        """Let it take messages again."""
        self.control('set_vm_memory_high_watermark', '0.4')

    def shut_down(self, deadline=60):
        """End it as an operator would, and keep its directory."""
        os.kill(self._popen.pid, signal.SIGTERM)
        try:
            self._popen.wait(deadline)
        finally:
            self.kill()


class Vhost:
    """A virtual host, and what tests do in it."""

    def __init__(self, broker, name):
        self.broker = broker
        self.name = name

    def url(self, scheme, tls=False, login=None):
        """See :meth:`RabbitMQ.url`."""
        return self.broker.url(
            scheme, self.name, self.broker.tls_port if tls else None, login)

    def connection(self):
        """A kombu.Connection, not yet connected; the caller closes it."""
        return self.broker.connection(self.name)

    def delete(self):
        self.broker.ask('DELETE', f'vhosts/{self.name}')

    def create_user(self, configure='.*', write='.*', read='.*'):
        """A login of a user who may do less, as patterns of names say.

        :returns: (user, password)
        """
        user, password = uuid.uuid4().hex, secrets.token_hex(16)
        self.broker.ask('PUT', f'users/{user}',
                        {'password': password, 'tags': ''})
        self.broker.ask('PUT', f'permissions/{self.name}/{user}', {
            'configure': configure, 'write': write, 'read': read})
        return user, password

    def declare(self, queue, exchange='', routing_key='', durable=True,
                kind='topic', arguments=None):
        """A queue, and an exchange that routes to it if one is named.

        :param arguments: of the queue, such as ``{'x-max-length': 1}``
        """
        with self.connection() as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=durable, auto_delete=False,
                                  arguments=arguments)
            if exchange:
                channel.exchange_declare(exchange, kind, durable=durable,
                                         auto_delete=False)
                channel.queue_bind(queue, exchange, routing_key)

    def count(self, queue):
        """How many messages are ready in it."""
        with self.connection() as connection:
            return connection.channel().queue_declare(
                queue, passive=True).message_count

    def read(self, queue, count=1, deadline=60):
        """Take messages from a queue, ``amqp.Message`` objects.

        :param count: how many to wait for
        :raises AssertionError: there weren't as many in time
        """
        found = []
        end = time.monotonic() + deadline
        with self.connection() as connection:
            channel = connection.channel()
            while len(found) < count:
                message = channel.basic_get(queue, no_ack=True)
                if message is not None:
                    found.append(message)
                elif time.monotonic() > end:
                    raise AssertionError(
                        f'{len(found)} of {count} messages in {queue}')
                else:
                    time.sleep(0.02)
        return found


@functools.cache
def shared():
    """The RabbitMQ of this test process."""
    broker = RabbitMQ()
    atexit.register(broker.stop)
    return broker
