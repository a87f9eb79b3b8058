# SPDX-License-Identifier: Apache-2.0
"""A real Keystone for tests, under uWSGI, with SQLite and fernet tokens.

Tests usually want that of their process, and users of their own in it::

    identity = keystone.shared()
    identity.user('alice', project='red', roles=['member'])
    token = identity.token('alice', project='red')

Tests that kill, freeze or configure it start one (``keystone.Keystone()``).
"""

import atexit
import contextlib
import fcntl
import functools
import hashlib
import http.client
import os
import pathlib
import secrets
import shutil
import signal
import sqlite3
import subprocess
import threading

from keystoneauth1 import adapter
from keystoneauth1.identity import v3
from keystoneauth1 import session

from usermsg.tests.functional import environments
from usermsg.tests.functional import servers

_CONFIG = '''
[DEFAULT]
use_stderr = true
{general}

[database]
connection = sqlite:///{directory}/keystone.sqlite
# It need not outlive the machine.
sqlite_synchronous = false

[cache]
# Each question otherwise costs a tenth of a second. It is of one process.
enabled = true
backend = dogpile.cache.memory

[identity]
# Passwords of tests need no protection, and each hash takes its time.
password_hash_rounds = 4

[token]
provider = fernet
{token}

[fernet_tokens]
key_repository = {directory}/tokens

[fernet_receipts]
key_repository = {directory}/receipts

[credential]
key_repository = {directory}/credentials
'''

#: What stands in the prepared database for the address.
_ADDRESS = 'http://keystone.invalid/v3'

_ADMIN = 'admin'
_REGION = 'RegionOne'
_SECONDS = 120


def _config(directory, general=None, token=None):
    def lines(options):
        return '\n'.join(f'{name} = {value}'
                         for name, value in (options or {}).items())
    return _CONFIG.format(directory=directory, general=lines(general),
                          token=lines(token))


def _prepared(environment):
    """A directory with a bootstrapped database and keys, made once.

    It is kept with the environment, as making it takes longer than the
    start of the server.
    """
    digest = hashlib.sha256(_CONFIG.encode()).hexdigest()
    directory = environment.directory / f'bootstrapped-{digest[:16]}'
    with open(f'{directory}.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            _prepare(environment, directory)
    return directory


def _prepare(environment, directory):
    unfinished = directory.with_suffix('.unfinished')
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    config = unfinished / 'keystone.conf'
    config.write_text(_config(unfinished), encoding='utf-8')
    password = secrets.token_hex(16)
    (unfinished / 'password').write_text(password, encoding='utf-8')
    identity = [f'--keystone-user={os.geteuid()}',
                f'--keystone-group={os.getegid()}']
    for command in (['db_sync'], ['fernet_setup', *identity],
                    ['receipt_setup', *identity],
                    ['credential_setup', *identity],
                    ['bootstrap', '--bootstrap-username', _ADMIN,
                     '--bootstrap-password', password,
                     '--bootstrap-project-name', _ADMIN,
                     '--bootstrap-region-id', _REGION,
                     '--bootstrap-public-url', _ADDRESS,
                     '--bootstrap-internal-url', _ADDRESS]):
        done = subprocess.run(
            [environment.program('keystone-manage'), '--config-file', config,
             *command], env=environment.variables(), cwd=unfinished,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=_SECONDS)
        if done.returncode:
            raise servers.Failed(
                f'keystone-manage {command[0]}: {done.returncode}\n'
                f'{done.stdout[-4000:]}')
    unfinished.rename(directory)


class Keystone(servers.Process):
    """The identity service.

    Names are those of the domain ``default``; what a name stands for is
    made when it is used first.

    :param general: options of its section ``[DEFAULT]``
    :param token: options of its section ``[token]``
    """

    # The directory is removed anyway: a clean shutdown takes seconds.
    stop_signal = signal.SIGKILL

    def __init__(self, general=None, token=None):
        environment = environments.get('keystone')
        prepared = _prepared(environment)
        super().__init__(ready=self._answers)
        self.env = environment.variables(
            LC_ALL='C.UTF-8', TMPDIR=self.directory,
            OS_KEYSTONE_CONFIG_FILES=self.path('keystone.conf'))
        self._program = environment.program('uwsgi')
        try:
            shutil.copytree(prepared, self.directory, dirs_exist_ok=True)
            self.write('keystone.conf',
                       _config(self.directory, general, token))
            self.start_on_free_port(self._command)
        except BaseException:
            self.stop()
            raise
        self._session = session.Session(timeout=_SECONDS)
        self._passwords = {_ADMIN: pathlib.Path(
            self.path('password')).read_text(encoding='utf-8')}
        self._projects = {}
        self._domains = {'default': 'default', 'Default': 'default'}
        self._users = {}
        self._roles = {}
        self._given = set()
        self._lock = threading.RLock()
        self._admin = adapter.Adapter(
            self._session, auth=self._auth(_ADMIN, system=True),
            endpoint_override=self.url)

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}/v3'

    def _command(self, port):
        # Its place in the catalogue depends on the port.
        with contextlib.closing(
                sqlite3.connect(self.path('keystone.sqlite'))) as database:
            database.execute(
                "UPDATE endpoint SET url = ? WHERE service_id = ("
                "SELECT id FROM service WHERE type = 'identity')",
                (f'http://127.0.0.1:{port}/v3',))
            database.commit()
        # uWSGI closes each connection, and has to say so: a client that
        # keeps one could send its next request into the end of it.
        return [self._program, '--http-socket', f'127.0.0.1:{port}',
                '--add-header', 'Connection: close', '--master',
                '--processes', '1', '--threads', '4', '--need-app',
                '--die-on-term', '--buffer-size', '65535',
                '--module', 'keystone.wsgi.api:application']

    def _answers(self):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request('GET', '/v3')
            answer = connection.getresponse()
            if answer.status != 200:
                raise LookupError(f'it answers with {answer.status}')

    def project(self, name):
        """The id of a project."""
        with self._lock:
            if name not in self._projects:
                self._projects[name] = self._find(
                    'projects', name, domain_id='default'
                ) or self._make('projects', name=name, domain_id='default')
            return self._projects[name]

    def domain(self, name):
        """The id of a domain."""
        with self._lock:
            if name not in self._domains:
                self._domains[name] = self._find(
                    'domains', name) or self._make('domains', name=name)
            return self._domains[name]

    def user(self, name, project=None, domain=None, system=False, roles=()):
        """A user's password; gives the user roles on one target.

        :param project: name of the target, if it is a project
        :param domain: ... if it is a domain
        :param system: the target is the whole system
        :param roles: their names
        """
        with self._lock:
            if name not in self._passwords:
                password = secrets.token_hex(16)
                self._users[name] = self._make(
                    'users', name=name, password=password,
                    domain_id='default')
                self._passwords[name] = password
            user = self.user_id(name)
            for role in roles:
                given = (f'{self._target(project, domain, system)}'
                         f'/users/{user}/roles/{self._role(role)}')
                if given not in self._given:
                    self._admin.put(given)
                    self._given.add(given)
            return self._passwords[name]

    def user_id(self, name):
        with self._lock:
            if name not in self._users:
                self._users[name] = self._find(
                    'users', name, domain_id='default')
            return self._users[name]

    def token(self, user, project=None, domain=None, system=False,
              unscoped=False):
        """A new token of a user.

        :raises keystoneauth1.exceptions.Unauthorized: the user has no role
            there
        """
        return self._auth(user, project, domain, system,
                          unscoped).get_token(self._session)

    def revoke(self, token):
        """End a token before its time."""
        self._admin.delete('/auth/tokens',
                           headers={'X-Subject-Token': token})

    def application_credential(self, user, project, roles, rules=None):
        """Make one; returns (id, secret).

        :param rules: a list of dicts: what alone it may be used for
        """
        answer = adapter.Adapter(
            self._session, auth=self._auth(user, project),
            endpoint_override=self.url).post(
                f'/users/{self.user_id(user)}/application_credentials',
                json={'application_credential': {
                    'name': secrets.token_hex(8),
                    'roles': [{'name': role} for role in roles],
                    **({'access_rules': rules} if rules else {})}})
        made = answer.json()['application_credential']
        return made['id'], made['secret']

    def credential_token(self, identity, secret):
        """A new token of an application credential."""
        return v3.ApplicationCredential(
            self.url, application_credential_id=identity,
            application_credential_secret=secret).get_token(self._session)

    def register(self, service_type, name, url):
        """Put a service and its public endpoint into the catalogue.

        :param url: may contain ``%(project_id)s``
        """
        service = self._make('services', type=service_type, name=name)
        self._make('endpoints', service_id=service, interface='public',
                   url=url, region_id=_REGION)

    def disable_project(self, name):
        self._admin.patch(f'/projects/{self.project(name)}',
                          json={'project': {'enabled': False}})

    def delete_project(self, name):
        """Also forgets what the name stood for."""
        with self._lock:
            self._admin.delete(f'/projects/{self.project(name)}')
            del self._projects[name]

    def cloud(self, user, project=None, domain=None, system=False):
        """The variables that clients take a user and a scope from."""
        scope = {}
        if system:
            scope['OS_SYSTEM_SCOPE'] = 'all'
        elif domain is not None:
            scope['OS_DOMAIN_ID'] = self.domain(domain)
        elif project is not None:
            scope = {'OS_PROJECT_NAME': project,
                     'OS_PROJECT_DOMAIN_ID': 'default'}
        return {'OS_AUTH_TYPE': 'password', 'OS_AUTH_URL': self.url,
                'OS_IDENTITY_API_VERSION': '3', 'OS_REGION_NAME': _REGION,
                'OS_USERNAME': user, 'OS_USER_DOMAIN_ID': 'default',
                'OS_PASSWORD': self._passwords[user], **scope}

    def authtoken(self, **more):
        """Options of ``[keystone_authtoken]``: an account of the service."""
        password = self.user('usermsg', project='service', roles=['service'])
        return {'auth_type': 'password', 'auth_url': self.url,
                'www_authenticate_uri': self.url, 'username': 'usermsg',
                'user_domain_id': 'default', 'password': password,
                'project_name': 'service', 'project_domain_id': 'default',
                **more}

    def _auth(self, user, project=None, domain=None, system=False,
              unscoped=False):
        return v3.Password(
            self.url, username=user, user_domain_id='default',
            password=self._passwords[user],
            project_id=None if project is None else self.project(project),
            domain_id=None if domain is None else self.domain(domain),
            system_scope='all' if system else None, unscoped=unscoped)

    def _target(self, project, domain, system):
        if system:
            return '/system'
        if domain is not None:
            return f'/domains/{self.domain(domain)}'
        return f'/projects/{self.project(project)}'

    def _role(self, name):
        if name not in self._roles:
            self._roles[name] = self._find(
                'roles', name) or self._make('roles', name=name)
        return self._roles[name]

    def _find(self, kind, name, **more):
        found = self._admin.get(
            f'/{kind}', params={'name': name, **more}).json()[kind]
        return found[0]['id'] if found else None

    def _make(self, kind, **values):
        one = kind[:-1]
        return self._admin.post(
            f'/{kind}', json={one: values}).json()[one]['id']


@functools.cache
def shared():
    """The Keystone of this test process, which nobody may disturb."""
    identity = Keystone()
    atexit.register(identity.stop)
    return identity
