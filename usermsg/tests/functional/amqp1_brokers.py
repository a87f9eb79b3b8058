# SPDX-License-Identifier: Apache-2.0
"""Brokers for AMQP 1.0: the examples that come with Proton, in Debian.

They keep messages in memory, and know neither users nor TLS::

    broker = servers.require(amqp1_brokers.CBroker)
    self.addCleanup(broker.stop)
    ... send to broker.url() ...
    amqp1_brokers.receive(broker.url(), 'a-queue', 10)

A queue is there as soon as somebody asks for it.
"""

import contextlib
import os
import socket
import sys

from proton import utils

from usermsg.tests.functional import servers

_EXAMPLES = '/usr/share/proton/examples'


def _example(name):
    path = os.path.join(_EXAMPLES, name)
    if not os.path.exists(path):
        raise servers.Missing(
            f"{path} is not installed; Debian's package "
            f"libqpid-proton11-dev-examples brings it")
    return path


class _Broker(servers.Process):

    host = '127.0.0.1'

    def __init__(self):
        super().__init__(ready=self._answers)
        try:
            self.prepare()
            self.start_on_free_port(self.serve)
        except BaseException:
            self.stop()
            raise

    def prepare(self):
        """Make what is started."""

    def serve(self, port):
        """The command that serves on a port."""
        raise NotImplementedError

    def _answers(self):
        socket.create_connection((self.host, self.port), 5).close()

    def url(self):
        return f'amqp://{self.host}:{self.port}'


class CBroker(_Broker):
    """The example in C, which has several threads.

    A client that asks for an address of the broker's choice ends it.
    """

    def prepare(self):
        compiler = servers.find('gcc', "Debian's package gcc")
        self.run([compiler, '-w', '-o', self.path('broker'),
                  _example('c/broker.c'), '-lqpid-proton', '-lpthread'])

    def serve(self, port):
        return [self.path('broker'), self.host, str(port)]


class CppBroker(_Broker):
    """The example in C++, which has several threads too."""

    def prepare(self):
        compiler = servers.find('g++', "Debian's package g++")
        self.run([compiler, '-w', '-o', self.path('broker'),
                  _example('cpp/broker.cpp'), '-lqpid-proton-cpp',
                  '-lpthread'])

    def serve(self, port):
        return [self.path('broker'), f'--address={self.host}:{port}']


class PythonBroker(_Broker):
    """The example in Python."""

    def serve(self, port):
        return [sys.executable, _example('python/broker.py'),
                f'--address={self.host}:{port}']


def receive(url, address, count, timeout=60):
    """Take messages from an address, ``proton.Message`` objects.

    :param count: how many to wait for
    :raises proton.Timeout: there weren't as many in time
    """
    connection = utils.BlockingConnection(
        url, timeout=timeout, allow_insecure_mechs=True)
    with contextlib.closing(connection):
        receiver = connection.create_receiver(address, credit=count)
        found = []
        for _ in range(count):
            found.append(receiver.receive())
            if receiver.fetcher.unsettled:
                receiver.accept()
    return found
