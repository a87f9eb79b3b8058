# SPDX-License-Identifier: Apache-2.0
"""Memory of a process of the API, and the time until its first response.

    python benchmarks/memory.py [--requests N] [--database NAME ...]

One process under uWSGI receives mixed requests: native and facade, small and
large lists, polls, shows, creations, deletions and errors. README.rst explains
the results.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys

import api  # selects the backend of oslo.service
import data

from usermsg import config
from usermsg import service
from usermsg.tests.fixtures import servers

ROWS = 3000
#: MiB, after all requests.
MAX_MEMORY = 110
#: MiB by which memory may grow during the second half of the requests.
MAX_GROWTH = 2
#: Seconds from the start of the import to the first response.
MAX_START = 1.2
STARTS = 5

_START = '''
import json, time
start, cpu = time.perf_counter(), time.process_time()
from usermsg.wsgi import api
import webob
request = webob.Request.blank('/v3/messages?limit=10', headers={
    'X-Project-Id': %r, 'X-Roles': 'member'})
response = request.get_response(api.application)
assert response.status_int == 200, response
print(json.dumps([time.perf_counter() - start, time.process_time() - cpu]))
'''


def start(env):
    """Return the seconds and the CPU seconds until the first response."""
    output = subprocess.check_output(
        [sys.executable, '-c', _START % data.PROJECT], text=True,
        env={**os.environ, **env})
    return json.loads(output)


def make_requests(message_ids, etag):
    """Return (relative frequency, request, expected status) tuples."""
    def get(address):
        return api.http('GET', address, data.PROJECT, 'member')

    def post(content):
        return api.http('POST', '/v3/messages', api.WRITE_PROJECT, 'service',
                        content)

    newest = '/v3/messages?limit=100'
    poll = get(newest).replace(
        b'\r\n\r\n', b'\r\nIf-None-Match: %s\r\n\r\n' % etag.encode())
    return [
        (200, get('/v3/messages?limit=10'), 200),
        (100, get(newest), 200),
        (5, get('/v3/messages?limit=1000'), 200),
        (50, get(f'{newest}&marker={message_ids[ROWS // 2]}'), 200),
        (50, get('/v3/messages?message_level=ERROR&limit=10'), 200),
        (200, poll, 304),
        *((4, get(f'/v3/messages/{message_id}'), 200)
          for message_id in message_ids[:50]),
        (60, get('/volume/v3/messages?limit=100'), 200),
        (40, get(f'/volume/v3/messages/{message_ids[0]}'), 200),
        (60, post({'message': next(api.make_entries(1))}), 201),
        (10, post({'messages': list(api.make_entries(100))}), 201),
        (20, get('/v3/messages?limit=0'), 400),
        (20, get(f'/v3/messages/{message_ids[0][:-1]}0'), 404),
        (10, get('/v3/other'), 404),
        (10, post({'message': {'event_id': 'VOLUME_000002'}}), 400),
        (10, api.http('POST', '/v3/messages', data.PROJECT, 'member', {}),
         403)]


def send(port, requests, count):
    """Send a number of random requests through one connection."""
    weights = [weight for weight, _request, _status in requests]
    with api.Client(port) as client:
        for _weight, request, expected in random.Random(3).choices(
                requests, weights, k=count):
            client.send(request)
            if client.status() != expected:
                raise api.Mismatch(
                    f'{request[:80]}: status {client.status()}')


def memory(pid):
    """Return RSS, PSS and USS of a process in MiB."""
    values = collections.Counter({
        name: int(kilobytes) / 1024 for name, kilobytes in re.findall(
            r'^(\w+): +(\d+) kB$',
            pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text(),
            re.MULTILINE)})
    return (values['Rss'], values['Pss'],
            values['Private_Clean'] + values['Private_Dirty'])


def run(name, count):
    """Measure on one database; return the goals that are missed."""
    with data.DATABASES[name]() as url, servers.Process() as directory:
        path = api.configure(url, directory)
        runtime = service.make_runtime(
            config.load_config(['--config-file', path]))
        message_ids = api.prepare(runtime, ROWS)
        env = {config.CONFIG_FILES_VARIABLE: path}
        times = [start(env) for _ in range(STARTS + 1)][1:]
        seconds, cpu = map(statistics.median, zip(*times))
        print(f'{name:<12}first response after {seconds:.2f} s, '
              f'{cpu:.2f} s of CPU', flush=True)
        with api.Server('usermsg.wsgi.api:application', env) as server:
            with api.Client(server.port) as client:
                _status, headers, _body = client.fetch(api.http(
                    'GET', '/v3/messages?limit=100', data.PROJECT, 'member'))
            requests = make_requests(message_ids, headers['etag'])
            sent, sizes = 0, []
            for target in (0, count // 10, count // 2, count):
                send(server.port, requests, target - sent)
                sent = target
                sizes.append(memory(server.pid()))
                print(f'{name:<12}{sent:>8,} requests' + ''.join(
                    f'{size:>8.1f}' for size in sizes[-1]), flush=True)
    (rss, *_), (half, *_) = sizes[-1], sizes[-2]
    if rss > MAX_MEMORY:
        yield f'{rss:.1f} MiB'
    if rss > half + MAX_GROWTH:
        yield f'{rss - half:.1f} MiB of growth'
    if seconds > MAX_START:
        yield f'{seconds:.2f} s until the first response'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--database', action='append', choices=data.DATABASES,
                        help='default: all')
    parser.add_argument('--requests', type=api.positive(int), default=100_000,
                        help='number of requests (default: 100000)')
    arguments = parser.parse_args()
    print(f'{"database":<12}{"":>17}{"RSS":>8}{"PSS":>8}{"USS":>8}  MiB',
          flush=True)
    missed = False
    for name in arguments.database or data.DATABASES:
        for goal in run(name, arguments.requests):
            print(f'# {name}: too much: {goal}', flush=True)
            missed = True
    return missed


if __name__ == '__main__':
    sys.exit(main())
