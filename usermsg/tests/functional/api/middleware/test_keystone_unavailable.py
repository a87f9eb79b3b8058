# SPDX-License-Identifier: Apache-2.0
"""Requests while a real Keystone is down, hangs, or rejects the account."""

import time
import uuid

from usermsg.api import errors
from usermsg.tests.fixtures import keystone
from usermsg.tests.fixtures import keystone_case
from usermsg.tests.fixtures import servers


class TestKeystoneUnavailable(keystone_case.TestCase):

    def setUp(self):
        super().setUp()
        self.nowhere = f'http://127.0.0.1:{servers.free_port()}/v3'

    def test_request_without_keystone_returns_503(self):
        application = self.application(auth_url=self.nowhere)
        for address in ('/v3/messages', f'/v3/messages/{uuid.uuid4()}',
                        '/v3/red/messages', '/v3/defined-messages'):
            self.assert_unavailable(self.request(application, 'any', address))
        self.assert_unavailable(
            self.request(application, 'any', method='POST'))
        # A service token makes no difference.
        self.assert_unavailable(
            self.request(application, 'any', service_token='other'))

    def test_facade_request_without_keystone_returns_503_in_its_format(self):
        application = self.application(auth_url=self.nowhere)
        for address in ('/volume/v3/messages', '/share/v2/messages'):
            response = self.request(application, 'any', address)
            self.assertEqual(503, response.status_int)
            self.assertEqual(str(errors.RETRY_AFTER),
                             response.headers['Retry-After'])
            self.assertEqual(503, response.json['serviceUnavailable']['code'])
        for address in ('/volume/v3/', '/share/v2/'):
            self.assertEqual(
                200, self.request(application, 'any', address).status_int)

    def test_requests_without_need_of_keystone_still_work(self):
        application = self.application(auth_url=self.nowhere)
        for address in ('/', '/v3', '/v3/', '/healthcheck'):
            for token in (None, 'any'):
                response = self.request(application, token, address)
                self.assertEqual(200, response.status_int)
        # Without Keystone the permission to see the checks is unknown.
        self.assertEqual({'status'}, set(response.json))
        self.assertEqual(404, self.request(
            application, 'any', '/nothing').status_int)
        # These tokens are rejected without a request to Keystone.
        for token in (None, '', 'x' * 10_000):
            response = self.request(application, token)
            self.assert_error(401, 'unauthorized', response)

    def test_rejected_account_of_the_service_returns_503(self):
        for wrong in ({'password': 'wrong'}, {'username': 'unknown'}):
            application = self.application(**wrong)
            self.assert_unavailable(self.request(application, self.token()))

    def test_account_without_permission_to_validate_returns_503(self):
        name = self.user('services', ['member'])
        application = self.application(
            username=name, project_name='services',
            password=self.identity.user(name))
        self.assert_unavailable(self.request(application, self.token()))

    def test_keystone_missing_in_its_catalogue_returns_503(self):
        application = self.application(region_name='Elsewhere')
        self.assert_unavailable(self.request(application, self.token()))

    def test_requests_recover_after_keystone_hangs_or_crashes(self):
        self.identity = keystone.Keystone()
        self.addCleanup(self.identity.stop)
        application = self.application()
        cached, unknown, third = (self.token() for _ in range(3))
        self.assertEqual(200, self.request(application, cached).status_int)
        service = servers.require(lambda: keystone_case.Service(
            self.identity, http_connect_timeout=1,
            http_request_max_retries=0))
        self.addCleanup(service.stop)

        def status(address, token):
            response, content = service.request(address, token)
            if response.status == 503:
                self.assertEqual(str(errors.RETRY_AFTER),
                                 response.headers['Retry-After'])
                self.assertEqual('user-message.identity_unavailable',
                                 content['errors'][0]['code'])
            return response.status

        self.until(lambda: status('/v3/messages', cached) == 200)
        self.identity.freeze()
        self.assertEqual(503, status('/v3/messages', unknown))
        self.assertEqual(200, status('/v3', unknown))
        self.assertEqual(200, status('/healthcheck', unknown))
        self.assertEqual(200, self.request(application, cached).status_int)
        self.identity.thaw()
        self.until(lambda: status('/v3/messages', unknown) == 200)

        self.identity.kill()
        self.assertEqual(503, status('/v3/messages', third))
        self.assertEqual(200, status('/healthcheck', third))
        self.assertEqual(200, status('/v3', third))
        self.assertEqual(200, self.request(application, cached).status_int)
        self.assert_unavailable(self.request(application, third))
        self.identity.start()
        self.until(lambda: status('/v3/messages', third) == 200)
        self.assertEqual(200, self.request(application, third).status_int)
        self.assertNotIn('Traceback', service.server.log())

    def until(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
