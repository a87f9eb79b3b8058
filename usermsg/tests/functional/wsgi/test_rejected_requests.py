# SPDX-License-Identifier: Apache-2.0
"""Rejected requests with a large body, through nginx and each server."""

import collections
import concurrent.futures
import json
import pathlib

from usermsg.tests import base
from usermsg.tests.fixtures import deployment
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import servers

#: Limit on the body in bytes, by default and in nginx.conf.
LIMIT = 1024 * 1024

REPETITIONS = 20

#: A valid batch of 340 kB.
MESSAGES = json.dumps({'messages': [
    {'event_id': 'VOLUME_000002', 'project_id': 'red',
     'resource_uuid': 'f292cc0c-54a7-4b3b-8174-d2ff82d87008',
     'resource_type': 'VOLUME', 'user_id': 'x' * 64,
     'source_id': f'{number:0120}'} for number in range(1000)]}).encode()

JSON = {'Content-Type': 'application/json'}

#: (status, path, headers, body)
WITHOUT_TOKEN = ((401, '/v3/messages', JSON, MESSAGES),
                 (401, '/v3/messages', JSON, b' ' * LIMIT),
                 (404, '/nothing', JSON, b' ' * LIMIT),
                 (405, '/v3/', JSON, b' ' * LIMIT))

READER = {**JSON, **http_client.build_headers('red', 'reader')}

AS_READER = ((403, '/v3/messages', READER, MESSAGES),
             (403, '/v3/messages', READER, b' ' * LIMIT),
             (403, '/v3/messages', {**READER, 'Content-Type': 'text/plain'},
              MESSAGES),
             (415, '/v3/messages', {'Content-Type': 'text/plain'}, MESSAGES),
             (406, '/v3/messages', {
                 **JSON, 'OpenStack-API-Version': 'user-message 3.99'},
              MESSAGES),
             (400, '/v3/messages', JSON, b' ' * LIMIT),
             (413, '/v3/messages', JSON, b' ' * (LIMIT + 1)))


class RejectedRequestsMixin:

    def uwsgi(self, config_file):
        server = servers.require(lambda: deployment.Uwsgi(config_file))
        return server, {}

    def gunicorn(self, config_file):
        server = servers.require(
            lambda: deployment.Gunicorn(config_file, self.options))
        return server, deployment.TO_GUNICORN

    def front(self, changes=None, **groups):
        self.runtime(**groups)
        server, to_server = self.start(str(self.home / 'usermsg.conf'))
        self.addCleanup(server.stop)
        front = servers.require(lambda: deployment.Nginx(
            server.socket, {**to_server, **(changes or {})}))
        self.addCleanup(front.stop)
        return front

    def assert_rejected(self, front, cases):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for status, path, headers, body in cases:
                statuses = collections.Counter(pool.map(
                    lambda _: front.request(
                        path, 'POST', headers, body)[0].status,
                    range(REPETITIONS)))
                self.assertEqual({status: REPETITIONS}, statuses,
                                 (path, headers, len(body)))
        log = pathlib.Path(front.path('log')).read_text()
        self.assertNotIn('Broken pipe', log)
        self.assertNotIn('reset by peer', log)

    def test_large_body_without_a_token_returns_401(self):
        front = self.front(**{**http_client.KEYSTONE, 'api': {
            'auth_strategy': 'keystone', 'trust_host_header': 'true'}})
        self.assert_rejected(front, WITHOUT_TOKEN)

    def test_large_body_as_reader_returns_403(self):
        self.assert_rejected(
            self.front(api=base.EXPOSED), AS_READER)

    def test_body_over_a_small_limit_of_usermsg_returns_413(self):
        front = self.front(
            api={**base.EXPOSED, 'max_request_body_size': 16384})
        self.assert_rejected(front, (
            (413, '/v3/messages', JSON, b' ' * LIMIT),))

    def test_body_over_the_limit_of_usermsg_but_not_nginx_returns_413(self):
        front = self.front(
            {'client_max_body_size 1m;': 'client_max_body_size 9m;'},
            api=base.EXPOSED)
        self.assert_rejected(front, (
            (413, '/v3/messages', JSON, b' ' * (LIMIT + 1)),
            (413, '/v3/messages', JSON, b' ' * 8 * LIMIT)))


class TestUwsgi(RejectedRequestsMixin, base.TestCase):
    start = RejectedRequestsMixin.uwsgi


class TestGunicorn(RejectedRequestsMixin, base.TestCase):
    start = RejectedRequestsMixin.gunicorn
    options = ('--threads', '4')


class TestGunicornWithOneThread(RejectedRequestsMixin, base.TestCase):
    start = RejectedRequestsMixin.gunicorn
    options = ()
