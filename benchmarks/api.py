# SPDX-License-Identifier: Apache-2.0
"""How many requests a second usermsg answers, next to a bare application.

    python benchmarks/api.py [--database NAME ...] [--case NAME ...]

Both are served by uWSGI with one process of one thread, on the same
database, and asked in turns through one connection. ``bare.py`` is the
other. See README.rst for how to read the figures.
"""

import argparse
import dataclasses
import itertools
import json
import re
import socket
import statistics
import struct
import sys
import time
import uuid

from usermsg.concurrency import backend

backend.use_threads()

import data  # noqa: E402
import orjson  # noqa: E402

from usermsg import config  # noqa: E402
from usermsg.db import migration  # noqa: E402
from usermsg import service  # noqa: E402
from usermsg.tests.fixtures import servers  # noqa: E402

WRITTEN = '5b1f2cc5a0e94d7396e2' + '0f6f3a7c81de'  # a project
EVENTS = ('VOLUME_VOLUME_001_003', 'VOLUME_000002')
REQUEST_ID = 'req-3f1d0b8e-6c1a-4d8b-9a53-0e2c7f9b4a61'
# What a request has in place of a number that it alone has.
PLACE = b'########'
WARM_UP = 20
# Not in the answers of both: they are of messages of their own.
OWN = ('id', 'created_at', 'guaranteed_until', 'links')


class Different(Exception):
    """The two applications don't answer the same, or one doesn't answer."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of request.

    :param creates: of an answer only what was asked for can be compared
    """

    name: str
    request: bytes
    creates: bool = False

    def requests(self, numbers):
        """The bytes of one request after the other, for ever."""
        if PLACE not in self.request:
            return itertools.repeat(self.request)
        return (self.request.replace(PLACE, b'%08d' % number)
                for number in numbers)


def http(method, address, project, roles, content=None):
    """The bytes of a request, with headers as services send them."""
    body = b'' if content is None else orjson.dumps(content)
    lines = [f'{method} {address} HTTP/1.1', 'Host: 127.0.0.1',
             'User-Agent: benchmark', 'Accept: application/json',
             f'X-OpenStack-Request-ID: {REQUEST_ID}',
             f'X-Project-Id: {project}', f'X-Roles: {roles}',
             'X-User-Id: 9f0b6f6e1c0c4f64a3f0b1a4d2c6e7f8']
    if content is not None:
        lines += ['Content-Type: application/json',
                  f'Content-Length: {len(body)}']
    return '\r\n'.join([*lines, '', '']).encode() + body


def entries(count, with_source=False):
    for number in range(count):
        entry = {'event_id': 'VOLUME_000002', 'project_id': WRITTEN,
                 'resource_type': 'VOLUME',
                 'resource_uuid': str(uuid.UUID(int=number * 7919 << 90)),
                 'message_level': 'ERROR'}
        if with_source:
            entry['source_id'] = f'benchmark-{PLACE.decode()}-{number}'
        yield entry


def make_cases(found=('',)):
    """Every case.

    :param found: ids of the large project, newest first
    """
    def get(address):
        return http('GET', address, data.PROJECT, 'member')

    def post(content):
        return http('POST', '/v3/messages', WRITTEN, 'service', content)

    deep = found[len(found) * 2 // 3]
    return [
        *(Case(f'list({limit})', get(f'/v3/messages?limit={limit}'))
          for limit in (10, 100, 1000)),
        Case('page at depth', get(f'/v3/messages?limit=100&marker={deep}')),
        Case('show', get(f'/v3/messages/{found[len(found) // 2]}')),
        Case('create(1)', post({'message': next(entries(1))}), creates=True),
        Case('create(100)', post({'messages': list(entries(100))}),
             creates=True),
        Case('create(100), source_id',
             post({'messages': list(entries(100, True))}), creates=True),
    ]


class Client:
    """One connection that is kept, and as little work as can be.

    :param port: of 127.0.0.1
    """

    _LENGTH = re.compile(rb'\r\ncontent-length: *(\d+)', re.I)

    def __init__(self, port):
        self._socket = socket.create_connection(('127.0.0.1', port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A timeout of Python's would poll before each call.
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                                struct.pack('ll', 60, 0))
        self._buffer = bytearray(4 << 20)
        self._view = memoryview(self._buffer)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._socket.close()

    def ask(self, request):
        """Send one request; where in the buffer its answer's body is."""
        self._socket.sendall(request)
        end, received = -1, 0
        while end < 0:
            received += self._receive(self._view[received:])
            end = self._buffer.find(b'\r\n\r\n', 0, received)
        length = int(self._LENGTH.search(self._buffer, 0, end)[1])
        end += 4
        while received < end + length:
            received += self._receive(
                self._view[received:end + length], socket.MSG_WAITALL)
        return end, received

    def _receive(self, view, flags=0):
        try:
            count = self._socket.recv_into(view, 0, flags)
        except BlockingIOError:
            raise Different('a server does not answer') from None
        if not count:
            raise Different('a server closed the connection')
        return count

    def status(self):
        """Of the last answer."""
        return int(self._buffer[9:12])

    def answer(self, request):
        """Status, headers in lower case, and body."""
        start, end = self.ask(request)
        lines = self._buffer[:start].decode('latin-1').split('\r\n')[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in
                   (line.partition(':') for line in lines)}
        return self.status(), headers, bytes(self._buffer[start:end])


class Server:
    """An application, served by one process of one thread.

    :param application: as in 'package.module:application'
    :param env: what to change in the environment
    """

    def __init__(self, application, env=None):
        # uWSGI's --http-socket ends each connection after one answer.
        self.port = servers.free_port()
        self._uwsgi = servers.Uwsgi(application, env, [
            '--http11-socket', f'127.0.0.1:{self.port}',
            '--processes', '1', '--threads', '1', '--disable-logging'])

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._uwsgi.stop()

    def content(self, case, numbers):
        """Status, and what the answer says, without what is its own."""
        with Client(self.port) as client:
            status, headers, body = client.answer(
                next(case.requests(numbers)))
        content = json.loads(body)
        if case.creates and status < 300:
            found = content.get('messages') or [content['message']]
            for message in found:
                for name in OWN:
                    if not message.pop(name, None):
                        raise Different(f'{case.name}: no {name}')
            if 'message' in content and 'location' not in headers:
                raise Different(f'{case.name}: no Location')
        return status, content, len(body)

    def rate(self, requests, seconds):
        """Requests per second, of one turn."""
        clock = time.perf_counter
        with Client(self.port) as client:
            for request in itertools.islice(requests, WARM_UP):
                client.ask(request)
            count = 0
            start = now = clock()
            end = start + seconds
            while now < end:
                client.ask(next(requests))
                count += 1
                now = clock()
                if client.status() >= 300:
                    raise Different(f'suddenly {client.status()}')
        return count / (now - start)


def compare(case, usermsg, bare, numbers):
    """How long the answer is, in bytes.

    :raises Different: the two don't answer the same
    """
    ours, theirs = (server.content(case, numbers)
                    for server in (usermsg, bare))
    if ours[:2] == theirs[:2] and ours[0] < 300:
        return ours[2]
    raise Different(
        f'{case.name}: usermsg answers {ours[0]} '
        f'{json.dumps(ours[1])[:500]}\n'
        f'bare.py answers {theirs[0]} {json.dumps(theirs[1])[:500]}')


def measure(case, usermsg, bare, nothing, rounds, seconds, numbers):
    """The figures of one case, as they are printed."""
    length = compare(case, usermsg, bare, numbers)
    rates = {usermsg: [], bare: []}
    order = [usermsg, bare]
    for _ in range(rounds):
        for server in order:
            rates[server].append(
                server.rate(case.requests(numbers), seconds))
        order.reverse()
    request = case.request.replace(
        b'\r\n', b'\r\nX-Bytes: %d\r\n' % length, 1)
    # Of two turns that follow each other: what else the machine does changes
    # more from one minute to the next than from one turn to the next.
    ratios = [ours / theirs
              for ours, theirs in zip(rates[usermsg], rates[bare])]
    return {
        'case': case.name,
        'usermsg': round(statistics.median(rates[usermsg]), 1),
        'bare': round(statistics.median(rates[bare]), 1),
        'ratio': round(statistics.median(ratios), 3),
        'ratio_least': round(min(ratios), 3),
        'ratio_most': round(max(ratios), 3),
        'client': round(nothing.rate(
            Case('nothing', request).requests(numbers), seconds), 1),
    }


def configure(url, directory):
    """The path of a configuration file, as an operator would write it."""
    return directory.write('usermsg.conf', f'''
[DEFAULT]
log_file = {directory.path('usermsg.log')}
[database]
connection = {url}
[api]
auth_strategy = noauth
allow_insecure_noauth = true
trust_host_header = true
''')


def prepare(runtime, count):
    """Fill the database; the ids of its large project, newest first."""
    migration.sync(runtime.db)
    found = data.fill(runtime.db, count, count // 3)
    runtime.db.dispose()
    return found


def environments(url, path, runtime, directory):
    """What usermsg and bare.py find in theirs."""
    texts = directory.write('texts.json', json.dumps({
        event: runtime.catalogue.describe(event).user_message
        for event in EVENTS}))
    return ({config.CONFIG_FILES_VARIABLE: path},
            {'BARE_DATABASE': url, 'BARE_TEXTS': texts})


def run(name, arguments):
    """The figures of each case on one database."""
    numbers = itertools.count()
    with data.DATABASES[name]() as url, servers.Process() as directory:
        path = configure(url, directory)
        runtime = service.make_runtime(
            config.load_config(['--config-file', path]))
        note(f'{name}: writing {arguments.rows * 4 // 3:,} rows')
        cases = make_cases(prepare(runtime, arguments.rows))
        ours, theirs = environments(url, path, runtime, directory)
        with (Server('usermsg.wsgi.api:application', ours) as usermsg,
              Server('bare:application', theirs) as bare,
              Server('bare:nothing') as nothing):
            for case in cases:
                if arguments.case and case.name not in arguments.case:
                    continue
                found = measure(case, usermsg, bare, nothing,
                                arguments.rounds, arguments.seconds, numbers)
                note(f'{name}: {case.name}: {found["ratio"]}')
                yield {'database': name, **found}


def note(text):
    print(f'# {text}', file=sys.stderr, flush=True)


def show(figures):
    """Print the table."""
    print(f'{"":<11}{"":<23}{"requests/s":>19}{"":>8}{"":>14}'
          f'{"client":>9}')
    print(f'{"database":<11}{"case":<23}{"usermsg":>10}{"bare":>9}'
          f'{"ratio":>8}{"from - to":>14}{"at most":>9}')
    for row in figures:
        print('{database:<11}{case:<23}{usermsg:>10.0f}{bare:>9.0f}'
              '{ratio:>8.2f}{ratio_least:>7.2f} -{ratio_most:>5.2f}'
              '{client:>9.0f}'.format(**row))


def positive(kind):
    """A type of argparse."""
    def convert(text):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError('must be more than 0')
        return value
    return convert


def main():
    names = [case.name for case in make_cases()]
    parser = argparse.ArgumentParser(
        description='Compare usermsg to a bare WSGI application.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='all if left out')
    parser.add_argument('--case', action='append', choices=names,
                        metavar='NAME',
                        help=f'all if left out: {"; ".join(names)}')
    parser.add_argument('--rounds', type=positive(int), default=15,
                        help='turns of each application (default: 15)')
    parser.add_argument('--seconds', type=positive(float), default=0.5,
                        help='how long a turn is (default: 0.5)')
    parser.add_argument('--rows', type=positive(int), default=100_000,
                        help='messages of the large project; others have a '
                        'third as many (default: 100000)')
    parser.add_argument('--json', action='store_true',
                        help='print JSON instead of a table')
    arguments = parser.parse_args()
    figures = []
    try:
        for name in arguments.database or data.DATABASES:
            figures += run(name, arguments)
    except (Different, servers.Missing) as error:
        sys.exit(f'This cannot be measured: {error}')
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)
    return 0


if __name__ == '__main__':
    sys.exit(main())
