# SPDX-License-Identifier: Apache-2.0
"""An AMQP 1.0 server that takes messages, and does what a test tells it.

It accepts and writes down what it gets, until it is told otherwise::

    peer = amqp1_peer.Peer()
    self.addCleanup(peer.stop)
    peer.tell('/queue/a', do='release', times=2)
    ... send ...
    message, = peer.wait_for(1, outcome='accept')

It starts in a fraction of a second, so each test has its own. ``freeze``,
``thaw``, ``kill`` and ``start`` are those of each server; what it was told and
what it wrote down outlive its end by ``kill``.
"""

import json
import os
import socket
import sys
import time
import uuid

from usermsg.tests.functional import servers

_PROGRAM = os.path.join(os.path.dirname(__file__), 'amqp1_server.py')


class Peer(servers.Process):
    """The server.

    :param mechanisms: those of SASL that it offers, of PLAIN, ANONYMOUS and
        EXTERNAL; a client that uses no SASL is then turned away. Without
        them it offers ANONYMOUS, and SASL is left to the client.
    :param users: name -> password, for PLAIN
    :param busy: answer each login with "temporary failure"
    :param certificate: speak TLS only: its certificate as PEM
    :param key: of the certificate, as PEM
    :param client_ca: as PEM; clients need a certificate from it
    :param hangs_up: end each connection when it has TLS, without a word, as
        routers do if they want a certificate and get none
    :param idle_timeout: seconds; what it announces
    :param max_frame_size: bytes, at least 512; what it announces
    :param channel_max: one less than the sessions that it can have
    :param product: what it calls itself
    """

    def __init__(self, *, mechanisms=None, users=None, busy=False,
                 certificate=None, key=None, client_ca=None, hangs_up=False,
                 idle_timeout=0, max_frame_size=None, channel_max=None,
                 product=None):
        super().__init__(ready=self._answers)
        self._rules = {}
        self._tls = certificate is not None
        self._options = {
            'mechanisms': mechanisms, 'users': users or {}, 'busy': busy,
            'hangs_up': hangs_up, 'idle_timeout': idle_timeout,
            'max_frame_size': max_frame_size, 'channel_max': channel_max,
            'product': product,
            'record': self.path('record'), 'rules': self.path('rules')}
        for name, pem in (('certificate', certificate), ('key', key),
                          ('client_ca', client_ca)):
            self._options[name] = self.write(name, pem) if pem else None
        try:
            self._publish()
            self.start_on_free_port(self._configure)
        except BaseException:
            self.stop()
            raise

    def _configure(self, port):
        path = self.write('options', json.dumps(
            {**self._options, 'port': port}))
        return [sys.executable, '-P', _PROGRAM, path]

    def _answers(self):
        socket.create_connection(('127.0.0.1', self.port), 5).close()

    def url(self, login='', host='127.0.0.1'):
        """As the driver has it: amqps if it speaks TLS.

        :param login: such as ``user:password``
        """
        scheme = 'amqps' if self._tls else 'amqp'
        return f'{scheme}://{login}{"@" if login else ""}{host}:{self.port}'

    def tell(self, address, **rule):
        """What to do from now on with what concerns an address.

        It replaces what was said of that address; without a rule it is to
        accept everything.

        :param address: of a target; ``*`` for all others, and ``''`` for
            whole connections
        :param credit: how many more messages a sender may send at any time;
            1000 if left out. It doesn't take back what was given.
        :param max_message_size: bytes, announced when a link is made
        :param do: with a message: ``accept``, ``reject``, ``release``,
            ``modify`` (with ``failed`` and ``undeliverable``), ``settle``
            without an outcome, ``stall`` without an answer, or one of the
            ends below
        :param only: a list: message ids that this is for
        :param after: do this only after so many messages of a connection
        :param times: do this so often, and then accept: an outcome for each
            message id, everything else in all
        :param hold: seconds by which outcomes are late
        :param received: say first that a message was received
        :param noticed: say first something of it that nobody knows
        :param drain: ask links that there are, once, to use their credit or
            to give it back, and give no more until then
        :param unsettled: leave it to the sender to settle
        :param open: when a connection is opened: ``close`` or ``drop`` it
        :param attach: when a link is made: ``refuse`` it, ``ignore`` it, or
            one of the ends
        :param now: an end for links that there are, once; or ``accept`` what
            was stalled
        :param condition: symbol of an error, such as ``amqp:not-found``, for
            ``reject``, ``refuse`` and the ends
        :param description: of the error; bytes that are not UTF-8 are
            surrogates in it
        :param info: of the error, a dict

        Who reads from an address is given

        :param has: a list of messages, dicts as ``proton.Message`` has them;
            each link gets all of them
        :param mode: how, it says: as ``copy`` or ``move`` (if left out),
            ``untold``, or ``repeated``: as it was asked, word for word

        The ends are ``detach`` (of the link), ``suspend`` (the same, but
        not for good), ``end`` (of its session), ``close`` (of the connection)
        and ``drop`` (of TCP, by a reset).
        """
        self._rules[address] = {'name': uuid.uuid4().hex, **rule}
        self._publish()

    def _publish(self):
        path = self.write('rules.new', json.dumps(self._rules))
        os.replace(path, self.path('rules'))

    def record(self, kind=None, **like):
        """What it wrote down, a list of dicts, the oldest first.

        :param kind: ``accepted`` (a connection of TCP), ``login`` (an attempt
            with SASL), ``open`` (a connection of AMQP), ``link``, ``message``
            (each delivery, with what was done as its outcome), ``given``
            and ``outcome`` (of what it had), ``drained`` (a link, as it was
            asked to), ``unlinked``, ``gone``
        :param like: values that entries must have
        """
        try:
            with open(self.path('record'), encoding='utf-8') as stream:
                lines = stream.read().split('\n')
        except FileNotFoundError:
            return []
        # The last is empty, or not yet complete.
        entries = [json.loads(line) for line in lines[:-1]]
        return [entry for entry in entries
                if kind in (None, entry['kind']) and
                all(entry.get(name) == value for name, value in like.items())]

    def wait_for(self, count, kind='message', deadline=60, **like):
        """Such entries, when there are so many.

        :raises AssertionError: there weren't in time
        """
        end = time.monotonic() + deadline
        while len(found := self.record(kind, **like)) < count:
            if time.monotonic() > end:
                raise AssertionError(
                    f'{len(found)} of {count} {kind} {like}; {self.log()}')
            time.sleep(0.02)
        return found
