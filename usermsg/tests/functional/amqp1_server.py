# SPDX-License-Identifier: Apache-2.0
"""The program behind ``amqp1_peer.Peer``: takes and gives over AMQP 1.0.

Proton speaks AMQP here, each connection in a thread of its own. TLS and SASL
are Python's and this file's, so that they are another's than the driver's.
``amqp1_peer`` says how it is told what to do, and what it writes down.
"""

import collections
import json
import socket
import ssl
import struct
import sys
import threading
import time
import uuid

import proton

_AMQP = b'AMQP\x00\x01\x00\x00'
_SASL = b'AMQP\x03\x01\x00\x00'
_OK, _AUTH, _TEMPORARY = 0, 1, 4
_OUTCOMES = {
    'accept': proton.Delivery.ACCEPTED, 'reject': proton.Delivery.REJECTED,
    'release': proton.Delivery.RELEASED, 'modify': proton.Delivery.MODIFIED}
#: The code of a state of a delivery that no specification has.
_NOTHING = 0x7f
_NAMES = {state: name for name, state in _OUTCOMES.items()}
_MODES = {'copy': proton.Terminus.DIST_MODE_COPY,
          'move': proton.Terminus.DIST_MODE_MOVE,
          'untold': proton.Terminus.DIST_MODE_UNSPECIFIED}
#: How often a connection looks for new rules when nothing arrives, seconds.
_PAUSE = 0.02


class _Gone(Exception):
    """The connection is not to be kept."""


class Board:
    """What all connections share: the rules, and what was written down."""

    def __init__(self, options):
        self.options = options
        self._lock = threading.Lock()
        self._told = collections.Counter()
        self._record = open(options['record'], 'a', encoding='utf-8')

    def write(self, kind, **entry):
        line = json.dumps({'kind': kind, 'at': time.time(), **entry})
        with self._lock:
            self._record.write(f'{line}\n')
            self._record.flush()

    def rule(self, address):
        """What is said of an address, or of all of them."""
        with open(self.options['rules'], encoding='utf-8') as stream:
            rules = json.load(stream)
        return rules.get(address or '', rules.get('*', {}))

    def applies(self, rule, key):
        """Whether it does, this time, to what has this key."""
        with self._lock:
            self._told[rule['name'], key] += 1
            number = self._told[rule['name'], key]
        return number <= rule.get('times', number)


def _plain(value):
    """A value of AMQP as JSON can hold it; bytes as {'binary': text}."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, proton.Array)):
        return [_plain(one) for one in value]
    if isinstance(value, (bytes, memoryview)):
        return {'binary': bytes(value).decode('utf-8', 'replace')}
    if isinstance(value, uuid.UUID):
        return {'uuid': str(value)}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def _address(link):
    """Of the node that is written to, or read from."""
    return (link.remote_source if link.is_sender else
            link.remote_target).address


def _described(message):
    names = ('id', 'address', 'subject', 'content_type', 'content_encoding',
             'correlation_id', 'reply_to', 'group_id', 'creation_time', 'ttl',
             'expiry_time', 'priority', 'durable', 'first_acquirer',
             'delivery_count', 'inferred', 'properties', 'annotations',
             'instructions', 'body')
    found = {name: _plain(getattr(message, name)) for name in names}
    found['to'] = found.pop('address')
    found['user_id'] = _plain(message.user_id or None)
    # What Proton makes of a symbol that isn't there.
    for name in ('content_type', 'content_encoding'):
        found[name] = None if found[name] == 'None' else found[name]
    found['body_type'] = ('bytes' if isinstance(message.body, memoryview)
                          else type(message.body).__name__)
    return found


class Peer:
    """One connection, from its first byte to its last."""

    def __init__(self, board, number, sock):
        self._board = board
        self._options = board.options
        self._number = number
        self._socket = sock
        self._who = {'tls': False, 'certificate': None,
                     'mechanism': None, 'user': None}
        self._first = b''
        self._taken = collections.Counter()
        self._held = []
        self._stalled = []
        self._suspended = []

    def serve(self):
        if not self._socket.recv(1, socket.MSG_PEEK):
            return  # somebody looked whether the port is open
        self._board.write('accepted', connection=self._number)
        try:
            self._encrypt()
            self._authenticate()
            self._speak()
        except (_Gone, OSError, struct.error) as error:
            reason = str(error) or type(error).__name__
        else:
            condition = self._transport.condition
            reason = condition.description if condition else 'closed'
        self._board.write('gone', connection=self._number, reason=reason)
        self._socket.close()

    # Below AMQP: TLS and SASL

    def _encrypt(self):
        options = self._options
        if not options.get('certificate'):
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options['certificate'], options['key'])
        if options.get('client_ca'):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options['client_ca'])
        self._socket.settimeout(30)
        self._socket = context.wrap_socket(self._socket, server_side=True)
        self._who['tls'] = True
        subject = (self._socket.getpeercert() or {}).get('subject', ())
        self._who['certificate'] = dict(
            pair for group in subject for pair in group).get('commonName')
        if options.get('hangs_up'):
            # What has not been read would make a reset of the end.
            self._read(len(_SASL))
            raise _Gone('told to hang up')

    def _read(self, size):
        data = b''
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise _Gone('the client ended it')
            data += more
        return data

    def _authenticate(self):
        """What the client sends first is kept, if it isn't for us."""
        self._socket.settimeout(30)
        header = self._read(8)
        if header != _SASL:
            if self._options.get('mechanisms'):
                # As the specification has it: say what is spoken, and end.
                self._socket.sendall(_SASL)
                raise _Gone(f'no SASL but {header!r}')
            self._first = header
            return
        self._socket.sendall(_SASL)
        offered = self._options.get('mechanisms') or ['ANONYMOUS']
        self._send_sasl(0x40, [proton.Array(
            proton.UNDESCRIBED, proton.Data.SYMBOL,
            *map(proton.symbol, offered))])
        size, offset, kind, _channel = struct.unpack('>IBBH', self._read(8))
        data = proton.Data()
        data.decode(self._read(size - 8)[(offset - 2) * 4:])
        data.next()
        mechanism, response = data.get_py_described().value[:2]
        self._who['mechanism'] = str(mechanism)
        outcome = self._judge(str(mechanism), bytes(response or b''))
        self._board.write('login', connection=self._number, **self._who,
                          outcome=outcome)
        self._send_sasl(0x44, [proton.ubyte(outcome)])
        if outcome != _OK:
            raise _Gone('not let in')

    def _judge(self, mechanism, response):
        if self._options.get('busy'):
            return _TEMPORARY
        if mechanism not in (self._options.get('mechanisms') or
                             ['ANONYMOUS']):
            return _AUTH
        if mechanism == 'PLAIN':
            _identity, user, password = response.decode().split('\0')
            self._who['user'] = user
            known = self._options['users']
            return _OK if known.get(user) == password else _AUTH
        if mechanism == 'EXTERNAL':
            return _OK if self._who['certificate'] else _AUTH
        return _OK

    def _send_sasl(self, code, fields):
        data = proton.Data()
        data.put_py_described(proton.Described(proton.ulong(code), fields))
        body = data.encode()
        self._socket.sendall(
            struct.pack('>IBBH', len(body) + 8, 2, 1, 0) + body)

    # AMQP

    def _speak(self):
        self._collector = proton.Collector()
        self._connection = proton.Connection()
        self._connection.collect(self._collector)
        self._connection.container = 'test-peer'
        if self._options.get('product'):
            self._connection.properties = {
                proton.symbol('product'): self._options['product']}
        self._transport = proton.Transport(proton.Transport.SERVER)
        self._transport.idle_timeout = self._options.get('idle_timeout', 0)
        for name in ('max_frame_size', 'channel_max'):
            if self._options.get(name) is not None:
                setattr(self._transport, name, self._options[name])
        self._transport.bind(self._connection)
        self._socket.settimeout(_PAUSE)
        if self._first:
            self._transport.push(self._first)
        while True:
            self._handle()
            self._transport.tick(time.monotonic())
            self._write_out()
            if self._transport.closed:
                return
            if self._transport.capacity() > 0:
                self._read_in()
            self._refresh()

    def _read_in(self):
        try:
            data = self._socket.recv(self._transport.capacity())
        except (TimeoutError, ssl.SSLWantReadError):
            return
        if data:
            self._transport.push(data)
        else:
            self._transport.close_tail()

    def _write_out(self):
        while self._transport.pending() > 0:
            data = self._transport.peek(self._transport.pending())
            self._socket.settimeout(30)
            self._socket.sendall(data)
            self._socket.settimeout(_PAUSE)
            self._transport.pop(len(data))

    def _handle(self):
        while (event := self._collector.peek()) is not None:
            kind = event.type
            if kind == proton.Event.CONNECTION_REMOTE_OPEN:
                self._open(event.connection)
            elif kind == proton.Event.SESSION_REMOTE_OPEN:
                event.session.open()
            elif kind == proton.Event.LINK_REMOTE_OPEN:
                self._attach(event.link)
            elif kind == proton.Event.DELIVERY:
                self._deliver(event.delivery)
            elif kind in (proton.Event.LINK_REMOTE_CLOSE,
                          proton.Event.LINK_REMOTE_DETACH):
                self._board.write(
                    'unlinked', connection=self._number,
                    address=event.link.remote_target.address)
                event.link.close()
            elif kind == proton.Event.SESSION_REMOTE_CLOSE:
                event.session.close()
            elif kind == proton.Event.CONNECTION_REMOTE_CLOSE:
                event.connection.close()
            self._collector.pop()

    def _open(self, connection):
        self._board.write(
            'open', connection=self._number, **self._who,
            container=connection.remote_container,
            hostname=connection.remote_hostname,
            properties=_plain(connection.remote_properties),
            idle_timeout=self._transport.remote_idle_timeout)
        rule = self._board.rule('')
        if rule.get('open') and self._board.applies(rule, 'open'):
            self._end(rule, rule['open'], None)
        else:
            connection.open()

    def _attach(self, link):
        address = _address(link)
        rule = self._board.rule(address)
        self._board.write(
            'link', connection=self._number, name=link.name, address=address,
            capabilities=_plain(_values(link.remote_target.capabilities)),
            properties=_plain(_values(link.remote_target.properties)),
            durability=link.remote_target.durability,
            expiry=link.remote_target.expiry_policy,
            snd_settle_mode=link.remote_snd_settle_mode,
            rcv_settle_mode=link.remote_rcv_settle_mode)
        if rule.get('attach') and self._board.applies(rule, 'attach'):
            if rule['attach'] == 'ignore':
                return
            if rule['attach'] == 'refuse':
                # No target says that it won't be; the reason follows.
                link.open()
                _because(link, rule)
                link.close()
                return
            self._end(rule, rule['attach'], link)
            return
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if rule.get('max_message_size'):
            link.max_message_size = rule['max_message_size']
        if link.is_sender and rule.get('mode', 'move') != 'repeated':
            link.source.capabilities.clear()
            link.source.distribution_mode = _MODES[rule.get('mode', 'move')]
        link.open()
        if link.is_receiver:
            self._grant(link, rule)

    def _give(self, link, rule):
        """Send what it has and has not sent through this link."""
        for entry in rule.get('has', ())[self._taken[link.name]:]:
            if link.credit <= 0:
                return
            link.delivery(str(self._taken[link.name]))
            link.send(proton.Message(**entry).encode())
            link.advance()
            self._board.write('given', connection=self._number,
                              address=_address(link))
            self._taken[link.name] += 1

    def _grant(self, link, rule):
        if link.drain_mode:
            if link.draining():
                return
            self._board.write('drained', connection=self._number,
                              address=link.remote_target.address)
        lacking = rule.get('credit', 1000) - link.credit
        if lacking > 0:
            link.flow(lacking)

    def _deliver(self, delivery):
        link = delivery.link
        if link.is_sender:
            if delivery.updated:
                self._board.write(
                    'outcome', connection=self._number,
                    address=_address(link), tag=delivery.tag,
                    outcome=_NAMES.get(delivery.remote_state))
                delivery.settle()
            return
        if (not delivery.readable or delivery.partial or
                link in self._suspended):
            return
        address = _address(link)
        rule = self._board.rule(address)
        data = link.recv(delivery.pending)
        message = proton.Message()
        message.decode(data)
        number = self._taken[address]
        self._taken[address] += 1
        key = str(message.id)
        what = rule.get('do', 'accept')
        # An outcome is counted for each message, an end of something in all.
        counted = key if what in (*_OUTCOMES, 'settle', 'stall') else 'end'
        if not (what != 'accept' and number >= rule.get('after', 0) and
                key in rule.get('only', [key]) and
                self._board.applies(rule, counted)):
            what = 'accept'
        self._board.write(
            'message', connection=self._number, link=link.name,
            address=address, tag=delivery.tag, size=len(data),
            settled=delivery.settled, outcome=what, **_described(message))
        link.advance()
        if what in _OUTCOMES:
            if rule.get('received'):
                delivery.update(proton.Delivery.RECEIVED)
            if rule.get('noticed'):
                delivery.update(_NOTHING)
            if rule.get('hold'):
                self._held.append(
                    (time.monotonic() + rule['hold'], delivery, what, rule))
            else:
                self._settle(delivery, what, rule)
        elif what == 'settle':
            delivery.settle()
        elif what == 'stall':
            self._stalled.append(delivery)
        else:
            self._end(rule, what, link)
        if link.state & proton.Endpoint.LOCAL_ACTIVE:
            self._grant(link, rule)

    def _settle(self, delivery, what, rule):
        if what == 'reject':
            delivery.local.condition = _condition(rule)
        elif what == 'modify':
            delivery.local.failed = bool(rule.get('failed'))
            delivery.local.undeliverable = bool(rule.get('undeliverable'))
        delivery.update(_OUTCOMES[what])
        if not rule.get('unsettled'):
            delivery.settle()

    def _end(self, rule, what, link):
        """Close the link, its session or all, or let go without a word."""
        if what == 'drop':
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            raise _Gone('dropped')
        if what == 'suspend':
            self._suspended.append(link)
            _because(link, rule)
            link.detach()
            return
        endpoint = {'detach': link, 'close': self._connection}.get(what)
        if what == 'end':
            endpoint = link.session
        if endpoint is None:
            raise _Gone(f'told to {what}')
        if endpoint.state & proton.Endpoint.LOCAL_UNINIT:
            endpoint.open()
        _because(endpoint, rule)
        endpoint.close()

    def _refresh(self):
        """What time or a new rule brings: outcomes held back, credit."""
        now = time.monotonic()
        while self._held and self._held[0][0] <= now:
            _when, *held = self._held.pop(0)
            self._settle(*held)
        link = self._connection.link_head(proton.Endpoint.LOCAL_ACTIVE)
        while link is not None:
            rule = self._board.rule(_address(link))
            if rule.get('now') == 'accept':
                while self._stalled:
                    self._settle(self._stalled.pop(), 'accept', rule)
            elif rule.get('now'):
                if self._board.applies({**rule, 'times': 1}, 'now'):
                    self._end(rule, rule['now'], link)
            elif rule.get('drain') and self._board.applies(
                    {**rule, 'times': 1}, 'drain'):
                link.drain(0)
            elif link.is_receiver:
                self._grant(link, rule)
            else:
                self._give(link, rule)
            link = link.next(proton.Endpoint.LOCAL_ACTIVE)


def _values(data):
    data.rewind()
    values = []
    while data.next():
        found = data.get_object()
        values += found if isinstance(found, proton.Array) else [found]
    return values


def _condition(rule):
    if not rule.get('condition'):
        return None
    return proton.Condition(
        rule['condition'], _Text(rule.get('description', '')),
        rule.get('info'))


class _Text(str):
    """A text with bytes in it, as surrogates, that are not UTF-8."""

    def encode(self, encoding='utf-8', errors='surrogateescape'):
        return super().encode(encoding, errors)


def _because(endpoint, rule):
    endpoint.condition = _condition(rule)


def main(path):
    with open(path, encoding='utf-8') as stream:
        options = json.load(stream)
    board = Board(options)
    listener = socket.create_server(('127.0.0.1', options['port']))
    number = 0
    while True:
        sock, _address = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 1
        threading.Thread(target=Peer(board, number, sock).serve,
                         daemon=True).start()


if __name__ == '__main__':
    main(sys.argv[1])
