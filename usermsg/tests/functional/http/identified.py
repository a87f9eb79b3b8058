# SPDX-License-Identifier: Apache-2.0
"""usermsg behind a real Keystone."""

import atexit
import contextlib
import functools
import http.client
import json

from usermsg.api import app
from usermsg.api import errors
from usermsg.tests import base
from usermsg.tests.functional.http import client
from usermsg.tests.functional.http import test_uwsgi
from usermsg.tests.functional import keystone
from usermsg.tests.functional import servers


class Service:
    """usermsg under uWSGI, and ``runtime``, one on its configuration.

    :param identity: the Keystone that it asks
    :param api: further options of its section ``[api]``
    :param options: further ones of ``[keystone_authtoken]``
    """

    def __init__(self, identity, api=None, **options):
        # Only a directory that goes when the server does.
        self._home = servers.Process()
        try:
            self.runtime = client.make_runtime(
                self._home.directory,
                api={'auth_strategy': 'keystone', **(api or {})},
                keystone_authtoken=identity.authtoken(**options))
            self.server = test_uwsgi.start(self._home.path('usermsg.conf'))
        except BaseException:
            self._home.stop()
            raise

    def stop(self):
        self.server.stop()
        self._home.stop()

    def ask(self, address, token=None, method='GET', headers=None, body=b'',
            timeout=120):
        """One request; returns (answer, content)."""
        headers = dict(headers or {})
        if token is not None:
            headers['X-Auth-Token'] = token
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, address, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        return answer, json.loads(content) if content else None


@functools.cache
def shared():
    """The one of this test process, on its Keystone."""
    service = Service(keystone.shared())
    atexit.register(service.stop)
    return service


class TestCase(base.TestCase):
    """The application in this process, with a Keystone that runs."""

    identity = None

    def setUp(self):
        super().setUp()
        self.identity = self.identity or keystone.shared()

    def application(self, **options):
        """The application; tokens are believed for a time, as ever."""
        self.service = self.runtime(
            api={'auth_strategy': 'keystone'},
            keystone_authtoken=self.identity.authtoken(**options))
        return app.make_app(self.service)

    def token(self, project='red', roles=('member',)):
        """A new token of a user that is there for all tests."""
        return self.identity.token(self.user(project, roles), project)

    def user(self, project='red', roles=('member',)):
        name = '-'.join([project, *roles])
        self.identity.user(name, project=project, roles=roles)
        return name

    def ask(self, application, token=None, address='/v3/messages',
            method='GET', service_token=None, **headers):
        if token is not None:
            headers['X-Auth-Token'] = token
        if service_token is not None:
            headers['X-Service-Token'] = service_token
        return client.ask(application, address, method, headers)

    def assert_error(self, status, code, answer):
        self.assertEqual(status, answer.status_int, answer.body)
        self.assertEqual('application/json', answer.content_type)
        [entry] = answer.json['errors']
        self.assertEqual(f'user-message.{code}', entry['code'])
        self.assertEqual(status, answer.json['error']['code'])
        self.assertEqual(answer.headers['X-OpenStack-Request-Id'],
                         entry['request_id'])

    def assert_refused(self, answer):
        self.assert_error(401, 'unauthorized', answer)
        self.assertEqual([f'Keystone uri="{self.identity.url}"'],
                         answer.headers.getall('WWW-Authenticate'))

    def assert_unavailable(self, answer):
        self.assert_error(503, 'identity_unavailable', answer)
        self.assertEqual(str(errors.RETRY_AFTER),
                         answer.headers['Retry-After'])
        self.assertNotIn('WWW-Authenticate', answer.headers)
