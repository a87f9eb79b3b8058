# SPDX-License-Identifier: Apache-2.0
"""Requests per second of usermsg, compared to a bare application.

    python benchmarks/api.py [--database NAME ...] [--case NAME ...]

Both are served by uWSGI with one process of one thread, on the same database,
and receive requests alternately through one connection. ``bare.py`` is the
bare application. README.rst explains the results.
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

#: Project of the created messages.
WRITE_PROJECT = '5b1f2cc5a0e94d7396e2' + '0f6f3a7c81de'
EVENTS = ('VOLUME_VOLUME_001_003', 'VOLUME_000002', 'SHARE_SHARE_001_003')
REQUEST_ID = 'req-3f1d0b8e-6c1a-4d8b-9a53-0e2c7f9b4a61'
# Placeholder for a number that is unique to each request.
PLACEHOLDER = b'########'
WARM_UP = 20
# Attributes that differ between the two applications, as each creates its
# messages.
DIFFERING = ('id', 'created_at', 'guaranteed_until', 'links')


class Mismatch(Exception):
    """The two responses differ, or an application does not respond."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Kind of request.

    :param creates: whether it creates messages, whose ids and times are not
        compared
    """

    name: str
    request: bytes
    creates: bool = False

    def requests(self, numbers):
        """Generate requests without end, each as bytes."""
        if PLACEHOLDER not in self.request:
            return itertools.repeat(self.request)
        return (self.request.replace(PLACEHOLDER, b'%08d' % number)
                for number in numbers)


def http(method, address, project, roles, content=None):
    """Return a request as bytes, with the headers that services send."""
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


def make_entries(count, with_source=False):
    for number in range(count):
        entry = {'event_id': 'VOLUME_000002', 'project_id': WRITE_PROJECT,
                 'resource_type': 'VOLUME',
                 'resource_uuid': str(uuid.UUID(int=number * 7919 << 90)),
                 'message_level': 'ERROR'}
        if with_source:
            entry['source_id'] = f'benchmark-{PLACEHOLDER.decode()}-{number}'
        yield entry


def make_cases(message_ids=('',)):
    """Return all cases.

    :param message_ids: of the large project, newest first
    """
    def get(address):
        return http('GET', address, data.PROJECT, 'member')

    def post(content):
        return http('POST', '/v3/messages', WRITE_PROJECT, 'service',
                    content)

    marker = message_ids[len(message_ids) * 2 // 3]
    return [
        *(Case(f'list({limit})', get(f'/v3/messages?limit={limit}'))
          for limit in (10, 100, 1000)),
        Case('page at depth', get(f'/v3/messages?limit=100&marker={marker}')),
        Case('show', get(
            f'/v3/messages/{message_ids[len(message_ids) // 2]}')),
        Case('create(1)', post({'message': next(make_entries(1))}),
             creates=True),
        Case('create(100)', post({'messages': list(make_entries(100))}),
             creates=True),
        Case('create(100), source_id',
             post({'messages': list(make_entries(100, True))}), creates=True),
    ]


class Client:
    """HTTP client with a persistent connection and as little work as possible.

    :param port: of 127.0.0.1
    """

    _LENGTH = re.compile(rb'\r\ncontent-length: *(\d+)', re.I)
    #: Status of a response that has neither a length nor a body.
    _NOT_MODIFIED = 304

    def __init__(self, port):
        self._socket = socket.create_connection(('127.0.0.1', port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # With a timeout of the Python socket each call would poll first.
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                                struct.pack('ll', 60, 0))
        self._buffer = bytearray(4 << 20)
        self._view = memoryview(self._buffer)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._socket.close()

    def send(self, request):
        """Send a request; return start and end of the body in the buffer."""
        self._socket.sendall(request)
        end, received = -1, 0
        while end < 0:
            received += self._receive(self._view[received:])
            end = self._buffer.find(b'\r\n\r\n', 0, received)
        length = 0 if self.status() == self._NOT_MODIFIED else int(
            self._LENGTH.search(self._buffer, 0, end)[1])
        end += 4
        while received < end + length:
            received += self._receive(
                self._view[received:end + length], socket.MSG_WAITALL)
        return end, received

    def _receive(self, view, flags=0):
        try:
            count = self._socket.recv_into(view, 0, flags)
        except BlockingIOError:
            raise Mismatch('a server does not respond') from None
        if not count:
            raise Mismatch('a server closed the connection')
        return count

    def status(self):
        """Return the status of the last response."""
        return int(self._buffer[9:12])

    def fetch(self, request):
        """Return status, headers with lower-case names, and body."""
        start, end = self.send(request)
        lines = self._buffer[:start].decode('latin-1').split('\r\n')[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in
                   (line.partition(':') for line in lines)}
        return self.status(), headers, bytes(self._buffer[start:end])


class Server:
    """uWSGI server of an application, one process of one thread.

    :param application: as in 'package.module:application'
    :param env: changes of the environment
    """

    def __init__(self, application, env=None):
        # uWSGI's --http-socket closes the connection after each response.
        self.port = servers.free_port()
        self._uwsgi = servers.Uwsgi(application, env, [
            '--http11-socket', f'127.0.0.1:{self.port}',
            '--processes', '1', '--threads', '1', '--disable-logging'])

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._uwsgi.stop()

    def cpu(self):
        """Return the CPU time that was used until now, in seconds."""
        return self._uwsgi.cpu()

    def pid(self):
        """Return the id of the worker process."""
        return self._uwsgi.children()[0]

    def content(self, case, numbers):
        """Return status, content without differing attributes, and length."""
        with Client(self.port) as client:
            status, headers, body = client.fetch(
                next(case.requests(numbers)))
        content = json.loads(body)
        if case.creates and status < 300:
            messages = content.get('messages') or [content['message']]
            for message in messages:
                for name in DIFFERING:
                    if not message.pop(name, None):
                        raise Mismatch(f'{case.name}: a message has no {name}')
            if 'message' in content and 'location' not in headers:
                raise Mismatch(
                    f'{case.name}: the response has no header Location')
        return status, content, len(body)

    def rate(self, requests, seconds, status=None):
        """Return the requests per second of one turn.

        :param status: of each response; None for any success
        """
        clock = time.perf_counter
        with Client(self.port) as client:
            for request in itertools.islice(requests, WARM_UP):
                client.send(request)
            count = 0
            start = now = clock()
            end = start + seconds
            while now < end:
                client.send(next(requests))
                count += 1
                now = clock()
                if (client.status() >= 300 if status is None else
                        client.status() != status):
                    raise Mismatch(
                        f'a response has the status {client.status()}')
        return count / (now - start)


def compare(case, usermsg, bare, numbers):
    """Compare the responses; return their length in bytes.

    :raises Mismatch: the two responses differ
    """
    response, bare_response = (server.content(case, numbers)
                               for server in (usermsg, bare))
    if response[:2] == bare_response[:2] and response[0] < 300:
        return response[2]
    raise Mismatch(
        f'{case.name}: the response of usermsg is {response[0]} '
        f'{json.dumps(response[1])[:500]}\n'
        f'that of bare.py is {bare_response[0]} '
        f'{json.dumps(bare_response[1])[:500]}')


def measure(case, usermsg, bare, nothing, rounds, seconds, numbers):
    """Measure a case; return the results as they are printed, a dict."""
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
    # Ratios of two successive turns: the load of the machine changes more over
    # minutes than between two turns.
    ratios = [rate / bare_rate for rate, bare_rate in zip(
        rates[usermsg], rates[bare])]
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
    """Write a configuration file as an operator would; return its path."""
    return directory.write('usermsg.conf', f'''
[DEFAULT]
log_file = {directory.path('usermsg.log')}
[database]
connection = {url}
[api]
auth_strategy = noauth
allow_insecure_noauth = true
trust_host_header = true
[messages]
record_rate = 0
record_rate_per_caller = 0
''')


def prepare(runtime, count):
    """Fill the database; return ids of its large project, newest first."""
    migration.sync(runtime.db)
    message_ids = data.fill(runtime.db, count, count // 3)
    runtime.db.dispose()
    return message_ids


def make_environments(url, path, runtime, directory):
    """Return the environment variables of usermsg and of bare.py."""
    texts = directory.write('texts.json', json.dumps({
        event: {name: getattr(runtime.catalogue.describe(event), name)
                for name in ('user_message', 'remedy', 'user_fixable',
                             'retryable', 'link')}
        for event in EVENTS}))
    return ({config.CONFIG_FILES_VARIABLE: path},
            {'BARE_DATABASE': url, 'BARE_TEXTS': texts})


def run(name, arguments):
    """Measure each case on one database; generate the results."""
    numbers = itertools.count()
    with data.DATABASES[name]() as url, servers.Process() as directory:
        path = configure(url, directory)
        runtime = service.make_runtime(
            config.load_config(['--config-file', path]))
        log(f'{name}: writing {arguments.rows * 4 // 3:,} rows')
        cases = make_cases(prepare(runtime, arguments.rows))
        env, bare_env = make_environments(url, path, runtime, directory)
        with (Server('usermsg.wsgi.api:application', env) as usermsg,
              Server('bare:application', bare_env) as bare,
              Server('bare:nothing') as nothing):
            for case in cases:
                if arguments.case and case.name not in arguments.case:
                    continue
                row = measure(case, usermsg, bare, nothing,
                              arguments.rounds, arguments.seconds, numbers)
                log(f'{name}: {case.name}: {row["ratio"]}')
                yield {'database': name, **row}


def log(text):
    print(f'# {text}', file=sys.stderr, flush=True)


def print_table(results):
    """Print the results as a table."""
    print(f'{"":<11}{"":<23}{"requests/s":>19}{"":>8}{"":>14}'
          f'{"client":>9}')
    print(f'{"database":<11}{"case":<23}{"usermsg":>10}{"bare":>9}'
          f'{"ratio":>8}{"from - to":>14}{"limit":>9}')
    for row in results:
        print('{database:<11}{case:<23}{usermsg:>10.0f}{bare:>9.0f}'
              '{ratio:>8.2f}{ratio_least:>7.2f} -{ratio_most:>5.2f}'
              '{client:>9.0f}'.format(**row))


def positive(kind):
    """Return an argparse type for positive numbers."""
    def convert(text):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError('must be greater than 0')
        return value
    return convert


def main():
    names = [case.name for case in make_cases()]
    parser = argparse.ArgumentParser(
        description='Compare usermsg to a bare WSGI application.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='default: all')
    parser.add_argument('--case', action='append', choices=names,
                        metavar='NAME',
                        help=f'default: all of {"; ".join(names)}')
    parser.add_argument('--rounds', type=positive(int), default=15,
                        help='number of turns of each application '
                        '(default: 15)')
    parser.add_argument('--seconds', type=positive(float), default=0.5,
                        help='duration of a turn (default: 0.5)')
    parser.add_argument('--rows', type=positive(int), default=100_000,
                        help='number of messages of the large project; other '
                        'projects have a third as many (default: 100000)')
    parser.add_argument('--json', action='store_true',
                        help='print JSON instead of a table')
    arguments = parser.parse_args()
    results = []
    try:
        for name in arguments.database or data.DATABASES:
            results += run(name, arguments)
    except (Mismatch, servers.Missing) as error:
        sys.exit(f'The benchmark failed: {error}')
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        print_table(results)
    return 0


if __name__ == '__main__':
    sys.exit(main())
