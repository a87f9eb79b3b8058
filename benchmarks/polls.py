# SPDX-License-Identifier: Apache-2.0
"""Compare polls of an unchanged list to the list itself.

usermsg runs under uWSGI as in ``api.py``. Lists, and the same requests with
the ETag in ``If-None-Match``, are sent alternately.
"""

import argparse
import itertools
import statistics
import sys

import api
import data

from usermsg import config
from usermsg import service
from usermsg.tests.fixtures import servers

LIMITS = (10, 100, 1000)

#: Part of the time of a list of at least 100 messages that a poll may take.
GOAL = 0.2


def measure(server, limit, rounds, seconds):
    """Return requests a second of lists and of polls, and their ratios."""
    request = api.http('GET', f'/v3/messages?limit={limit}',
                       data.PROJECT, 'member')
    with api.Client(server.port) as client:
        _status, headers, _body = client.fetch(request)
    poll = request.replace(b'\r\n\r\n', b'\r\nIf-None-Match: %s\r\n\r\n' % (
        headers['etag'].encode()))
    rates = [], []
    for _ in range(rounds):
        for kind, sent, status in ((0, request, 200), (1, poll, 304)):
            rates[kind].append(server.rate(
                itertools.repeat(sent), seconds, status))
    # Of successive turns, as the load of the machine changes.
    ratios = [lists / polls for lists, polls in zip(*rates)]
    return *map(statistics.median, rates), ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=api.positive(int), default=15)
    parser.add_argument('--seconds', type=api.positive(float), default=0.5)
    parser.add_argument('--rows', type=api.positive(int), default=60_000)
    arguments = parser.parse_args()
    missed = False
    print(f'{"database":<12}{"limit":>6}{"lists/s":>9}{"polls/s":>9}'
          f'{"ratio":>7}')
    for name in data.DATABASES:
        with data.DATABASES[name]() as url, servers.Process() as directory:
            path = api.configure(url, directory)
            runtime = service.make_runtime(
                config.load_config(['--config-file', path]))
            api.prepare(runtime, arguments.rows)
            env, _bare = api.make_environments(url, path, runtime, directory)
            with api.Server('usermsg.wsgi.api:application', env) as server:
                for limit in LIMITS:
                    lists, polls, ratios = measure(
                        server, limit, arguments.rounds, arguments.seconds)
                    ratio = statistics.median(ratios)
                    print(f'{name:<12}{limit:>6}{lists:>9.0f}{polls:>9.0f}'
                          f'{ratio:>7.2f}', flush=True)
                    missed |= limit >= 100 and ratio > GOAL
    return int(missed)


if __name__ == '__main__':
    sys.exit(main())
