# SPDX-License-Identifier: Apache-2.0
"""Cost of token validation: Keystone compared to ``noauth``.

    python benchmarks/identity.py [--database NAME ...]

Both servers are usermsg, on the same database: one with ``auth_strategy =
keystone`` and a real Keystone, which validates the only token once, the other
with ``noauth``. The measurement is that of ``api.py``. The exit status is 1 if
a page of 100 reaches less than 80 % of the speed with ``noauth``.
"""

import argparse
import itertools
import json
import sys

import api
import data
import sqlalchemy as sa

from usermsg import config
from usermsg.db import models
from usermsg import service
from usermsg.tests.fixtures import keystone
from usermsg.tests.fixtures import servers

GOAL = ('list(100)', 0.8)


def make_cases(message_ids, project, token):
    def get(name, address):
        request = api.http('GET', address, project, 'member')
        return api.Case(name, request.replace(
            b'\r\n', b'\r\nX-Auth-Token: %b\r\n' % token.encode(), 1))

    return [*(get(f'list({limit})', f'/v3/messages?limit={limit}')
              for limit in (10, 100, 1000)),
            get('show',
                f'/v3/messages/{message_ids[len(message_ids) // 2]}')]


def configure(url, identity, directory):
    """Write a configuration file with Keystone; return its path."""
    options = ''.join(f'{name} = {value}\n'
                      for name, value in identity.authtoken().items())
    return directory.write('keystone.conf', f'''
[DEFAULT]
log_file = {directory.path('keystone.log')}
[database]
connection = {url}
[api]
auth_strategy = keystone
trust_host_header = true
[keystone_authtoken]
{options}
''')


def run(name, identity, arguments):
    """Measure each case on one database; generate the results."""
    numbers = itertools.count()
    project = identity.project('benchmark')
    identity.user('reader', project='benchmark', roles=['member'])
    token = identity.token('reader', project='benchmark')
    with data.DATABASES[name]() as url, servers.Process() as directory:
        noauth_conf = api.configure(url, directory)
        runtime = service.make_runtime(
            config.load_config(['--config-file', noauth_conf]))
        api.log(f'{name}: writing {arguments.rows * 4 // 3:,} rows')
        message_ids = api.prepare(runtime, arguments.rows)
        with runtime.db.engine().begin() as connection:
            connection.execute(
                sa.update(models.messages).values(project_id=project).where(
                    models.messages.c.project_id == data.PROJECT))
        data.analyze(runtime.db)
        runtime.db.dispose()
        application = 'usermsg.wsgi.api:application'
        variable = config.CONFIG_FILES_VARIABLE
        keystone_conf = configure(url, identity, directory)
        with (api.Server(application, {variable: keystone_conf}) as keystone_,
              api.Server(application, {variable: noauth_conf}) as noauth,
              api.Server('bare:nothing') as nothing):
            for case in make_cases(message_ids, project, token):
                row = api.measure(case, keystone_, noauth, nothing,
                                  arguments.rounds, arguments.seconds,
                                  numbers)
                row = {'database': name, 'keystone': row.pop('usermsg'),
                       'noauth': row.pop('bare'), **row}
                api.log(f'{name}: {case.name}: {row["ratio"]}')
                yield row


def print_table(results):
    """Print the results as a table."""
    print(f'{"":<11}{"":<11}{"requests/s":>19}')
    print(f'{"database":<11}{"case":<11}{"keystone":>10}{"noauth":>9}'
          f'{"ratio":>8}{"from - to":>14}')
    for row in results:
        print('{database:<11}{case:<11}{keystone:>10.0f}{noauth:>9.0f}'
              '{ratio:>8.2f}{ratio_least:>7.2f} -{ratio_most:>5.2f}'
              .format(**row))


def main():
    parser = argparse.ArgumentParser(
        description='Compare usermsg with Keystone to usermsg without.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='default: all')
    parser.add_argument('--rounds', type=api.positive(int), default=15,
                        help='number of turns of each server (default: 15)')
    parser.add_argument('--seconds', type=api.positive(float), default=0.5,
                        help='duration of a turn (default: 0.5)')
    parser.add_argument('--rows', type=api.positive(int), default=10_000,
                        help='number of messages of the project; other '
                        'projects have a third as many (default: 10000)')
    parser.add_argument('--json', action='store_true',
                        help='print JSON instead of a table')
    arguments = parser.parse_args()
    results = []
    try:
        with keystone.Keystone() as identity:
            for name in arguments.database or data.DATABASES:
                results += run(name, identity, arguments)
    except (api.Mismatch, servers.Missing) as error:
        sys.exit(f'The benchmark failed: {error}')
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        print_table(results)
    case, minimum = GOAL
    return int(any(row['case'] == case and row['ratio'] < minimum
                   for row in results))


if __name__ == '__main__':
    sys.exit(main())
