# SPDX-License-Identifier: Apache-2.0
"""Serve a dashboard with messages; ``dashboard.sh`` calls this.

The servers are those of the functional tests, on free ports of loopback.
"""

import argparse
import html
import re
import signal
import sys

import requests

from usermsg.tests.fixtures import cloud
from usermsg.tests.fixtures import example_messages

_PROJECT = 'demo'
_OTHER_PROJECT = 'staging'

#: Name and role of a user -> permissions.
_USERS = {
    'alice': ('member', 'reads and deletes messages'),
    'rita': ('reader', 'reads messages'),
    'olga': ('admin', 'reads the messages of all projects too'),
}

_LIMITS = '''
There are no other services: the resources of the messages don't exist, so
messages have no links to them, and the tabs on their pages can't be tried.
'''

_PAGE = '/project/usermsg/'
_ADMIN_PAGE = '/admin/usermsg/'


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--once', action='store_true')
    once = parser.parse_args().once
    # The servers stop with this process, in any way.
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(143))
    print('Starting Keystone, usermsg and Horizon ...', flush=True)
    with cloud.Cloud() as servers:
        messages = example_messages.record(
            servers, _PROJECT, _OTHER_PROJECT)
        passwords = {
            user: servers.identity.user(user, project=_PROJECT, roles=[role])
            for user, (role, _) in _USERS.items()}
        if once:
            project_id = servers.identity.project(_PROJECT)
            # The start page.
            _check(servers.horizon, '/', 'alice', passwords['alice'], [
                message for message in messages
                if message.project_id == project_id])
            _check(servers.horizon, _ADMIN_PAGE, 'olga', passwords['olga'],
                   messages)
            return
        _explain(servers, passwords)
        while True:
            signal.pause()


def _explain(servers, passwords):
    print(f'\n{len(passwords)} users can log in at '
          f'{servers.horizon.url}{_PAGE}:\n')
    for user, (role, permissions) in _USERS.items():
        print(f'   {user:6} {passwords[user]}   {role}: {permissions}')
    print(_LIMITS)
    print('Logs, until the servers stop:\n')
    for name, server in (('Keystone', servers.identity),
                         ('usermsg', servers.service.server),
                         ('Horizon', servers.horizon)):
        print(f'   {name:8} {server.path("log")}')
    print('\nPress Ctrl-C to stop.', flush=True)


def _check(horizon, path, user, password, messages):
    """Exit with an error unless a page shows all messages."""
    page = requests.get(f'{horizon.url}{path}', timeout=60,
                        cookies=horizon.sign_in(user, password))
    text = html.unescape(re.sub(r'<[^>]*>', ' ', page.text))
    missing = [message.id for message in messages
               if message.resource_uuid not in text]
    if page.status_code != 200 or missing:
        sys.exit(f'{page.url} has status {page.status_code} and '
                 f'lacks these messages: {", ".join(missing)}')
    print(f'The page {page.url} shows {len(messages)} messages.')


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
