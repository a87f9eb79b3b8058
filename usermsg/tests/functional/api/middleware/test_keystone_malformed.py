# SPDX-License-Identifier: Apache-2.0
"""Malformed responses in place of Keystone's."""

import contextlib
import http.server
import json
import logging
import threading

import fixtures
from keystoneauth1 import fixture as tokens

from usermsg.tests.fixtures import keystone_case

_TOKEN = 'token-of-a-user'


class Stub(http.server.ThreadingHTTPServer):
    """Fake of Keystone with configurable responses.

    ``versions``, ``account`` and ``token`` are the responses to version
    discovery, authentication and token validation: None for a valid one, or
    (status, content type, body).
    """

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server_port}/v3'
        self.versions = self.account = self.token = None

    def build_response(self, method, path):
        """Return (status, content type, body)."""
        if path.rstrip('/') == '/v3':
            return self.versions or self.json(200, {'version': {
                'id': 'v3.14', 'status': 'stable',
                'links': [{'rel': 'self', 'href': self.url}]}})
        if method == 'POST':
            data = tokens.V3Token(user_id='service', project_id='service')
            data.add_service('identity').add_standard_endpoints(
                public=self.url, internal=self.url, admin=self.url)
            return self.account or self.json(201, data)
        return self.token or self.json(200, token())

    def json(self, status, data):
        return status, 'application/json', json.dumps(data).encode()


class Handler(http.server.BaseHTTPRequestHandler):

    protocol_version = 'HTTP/1.1'
    # Buffered, so that a response is sent in one segment: the second of two
    # would be delayed.
    wbufsize = -1

    def do_GET(self):
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        status, content_type, body = self.server.build_response(
            self.command, self.path)
        self.send_response(status)
        self.send_header('X-Subject-Token', 'token-of-the-service')
        self.send_header('Content-Type', content_type)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_arguments):
        pass


def token(**values):
    """Return Keystone's data of a reader's token.

    :param values: values to replace; None removes the value
    """
    data = tokens.V3Token(user_id='u', project_id='red')
    data.add_role(name='reader')
    content = {**data['token'], **values}
    return {'token': {name: value for name, value in content.items()
                      if value is not None}}


_JSON = 'application/json'

#: name -> status, content type and body of a malformed response.
MALFORMED = {
    'HTML': (200, 'text/html', b'<html>Back soon.</html>'),
    'HTML declared as JSON': (200, _JSON, b'<html>Back soon.</html>'),
    'empty body': (200, _JSON, b''),
    'a list': (200, _JSON, b'[]'),
    'null': (200, _JSON, b'null'),
    'a string': (200, _JSON, b'"token"'),
    'no token': (200, _JSON, b'{}'),
    'a token that is null': (200, _JSON, b'{"token": null}'),
    'an empty token': (200, _JSON, b'{"token": {}}'),
    'another token': (200, _JSON, b'{"token": {"x": 1}}'),
    'identity API v2': (200, _JSON, b'{"access": {"token": {"id": "x"}}}'),
    'no expiry': (200, _JSON, json.dumps(token(expires_at=None)).encode()),
    'null as expiry': (200, _JSON, json.dumps(
        token(expires_at='NULL')).replace('"NULL"', 'null').encode()),
    'a malformed expiry': (200, _JSON, json.dumps(
        token(expires_at='soon')).encode()),
    'no user': (200, _JSON, json.dumps(token(user=None)).encode()),
    'a role without a name': (200, _JSON, json.dumps(
        token(roles=[{'id': 'x'}])).encode()),
    'a lone surrogate': (200, _JSON, json.dumps(token(user={
        'id': 'u', 'name': '\ud800', 'domain': {
            'id': 'd', 'name': 'd'}})).encode()),
    'invalid UTF-8': (200, _JSON, b'\xff\xfe\xfd'),
    'multiple choices': (300, _JSON, b'{}'),
    'a redirect without location': (302, _JSON, b''),
    'internal error': (500, 'text/html', b'<html>Oops.</html>'),
    'bad gateway': (502, 'text/html', b'<html>Oops.</html>'),
}


class TestMalformedResponses(keystone_case.TestCase):

    def setUp(self):
        # In place of the shared Keystone of keystone_case.TestCase.
        self.stub = Stub()
        self.addCleanup(self.stub.server_close)
        threading.Thread(target=self.stub.serve_forever, daemon=True).start()
        self.addCleanup(self.stub.shutdown)
        self.identity = self
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))

    def authtoken(self, **options):
        """Return options, as fixtures.keystone.Keystone does."""
        return {'auth_type': 'password', 'auth_url': self.stub.url,
                'www_authenticate_uri': self.stub.url, 'username': 'usermsg',
                'user_domain_id': 'default', 'password': 'secret',
                'project_name': 'service', 'project_domain_id': 'default',
                **options}

    def assert_keystone_unavailable(self, application, token=_TOKEN):
        self.assert_unavailable(self.request(application, token))
        for address, status in (('/volume/v3/messages', 503),
                                ('/share/v2/messages', 503),
                                ('/', 200), ('/v3', 200),
                                ('/healthcheck', 200),
                                ('/volume/', 300), ('/volume/v3/', 200),
                                ('/share/', 300), ('/share/v2/', 200),
                                ('/nothing', 404)):
            self.assertEqual(status, self.request(
                application, token, address).status_int, address)
        self.assertIn('Keystone could not validate a token', self.log.output)
        self.assertNotIn('Traceback', self.log.output)
        self.assertNotIn(_TOKEN, self.log.output)
        self.assertNotIn('token-of-the-service', self.log.output)

    @contextlib.contextmanager
    def case(self, name):
        try:
            yield
        except Exception as error:
            error.add_note(name)
            raise

    def test_malformed_token_data_returns_503_and_is_not_cached(self):
        application = self.application()
        for name, response in MALFORMED.items():
            user = f'{_TOKEN} {name}'
            with self.case(name):
                self.stub.token = response
                self.assert_keystone_unavailable(application, user)
                # The response was not cached.
                self.stub.token = None
                self.assertEqual(
                    200, self.request(application, user).status_int)
                # A cached token needs no Keystone.
                self.stub.token = response
                self.assertEqual(
                    200, self.request(application, user).status_int)

    def test_malformed_response_to_authentication_is_retried(self):
        for name, response in MALFORMED.items():
            if name == 'a lone surrogate':
                # The name of the account is not read.
                continue
            with self.case(name):
                application = self.application()
                self.stub.account = response
                self.assert_keystone_unavailable(application)
                self.stub.account = None
                self.assertEqual(
                    200, self.request(application, _TOKEN).status_int)

    def test_malformed_version_discovery_is_retried(self):
        for name, response in MALFORMED.items():
            with self.case(name):
                application = self.application()
                self.stub.versions = response
                for address in ('/', '/healthcheck', '/volume/v3/'):
                    self.assertEqual(200, self.request(
                        application, _TOKEN, address).status_int)
                # The endpoint may be known without version discovery.
                self.assertIn(self.request(application, _TOKEN).status_int,
                              (200, 503))
                self.stub.versions = None
                self.assertEqual(
                    200, self.request(application, _TOKEN).status_int)
        self.assertNotIn('Traceback', self.log.output)
