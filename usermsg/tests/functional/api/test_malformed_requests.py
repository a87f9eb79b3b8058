# SPDX-License-Identifier: Apache-2.0
"""Tests of requests that no correct client sends."""

import dataclasses

from usermsg.api import app
from usermsg.api.middleware import request_id
from usermsg.tests import base
from usermsg.tests.fixtures import http_client

READER = http_client.build_headers('red', 'member', 'reader')

GLOBAL_ID = 'req-936666d2-4c8f-4e41-9ac9-237b43f8b848'


class TestGlobalRequestId(base.TestCase):

    def global_request_id(self, header):
        """Return the global request id for an X-OpenStack-Request-ID."""
        values = []

        def application(environ, start_response):
            values.append(environ.get('openstack.global_request_id'))
            start_response('204 No Content', [])
            return []

        http_client.request(request_id.RequestId(application), '/',
                            headers={'X-OpenStack-Request-ID': header})
        return values[0]

    def test_valid_request_id_is_used(self):
        self.assertEqual(GLOBAL_ID, self.global_request_id(GLOBAL_ID))

    def test_invalid_request_id_is_ignored(self):
        for value in ('', 'invalid', GLOBAL_ID[4:], GLOBAL_ID[:-1],
                      f'{GLOBAL_ID}\n', f' {GLOBAL_ID}', GLOBAL_ID * 2,
                      f'{GLOBAL_ID} [-] forged', '\xff'):
            self.assertIsNone(self.global_request_id(value), value)


class TestMalformedRequests(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.message = http_client.record(self.service, 'red')
        self.app = app.make_app(self.service)

    def request(self, address, method='GET', headers=None, body=b''):
        return http_client.request(self.app, address, method,
                                   {**READER, **(headers or {})}, body)

    def assert_error(self, response, status, code=None):
        self.assertEqual(status, response.status_int, response.body)
        self.assertEqual('application/json', response.content_type)
        self.assertEqual(['errors', 'error'], list(response.json))
        [error] = response.json['errors']
        self.assertEqual(response.headers['X-OpenStack-Request-Id'],
                         error['request_id'])
        self.assertEqual(status, error['status'])
        self.assertEqual(status, response.json['error']['code'])
        self.assertEqual(error['detail'], response.json['error']['message'])
        if code is not None:
            self.assertEqual(f'user-message.{code}', error['code'])

    def test_invalid_utf8_in_path_returns_400(self):
        for address in ('/v3/messages/%ff', '/v3/%ff/messages', '/%ff',
                        '/v3/messages/\xff', '/v3/messages/%c3'):
            self.assert_error(self.request(address), 400, 'malformed_request')

    def test_invalid_utf8_in_query_returns_400(self):
        for query in ('%ff', 'limit=%ff', '%ff=1', 'resource_uuid=\xff',
                      'limit=1&%c3=1'):
            self.assert_error(self.request(f'/v3/messages?{query}'), 400,
                              'malformed_request')

    def test_semicolon_in_query_is_part_of_the_value(self):
        http_client.record(self.service, 'red', resource_uuid='a;limit=0')
        for value in ('a;limit=0', 'a%3Blimit%3D0'):
            response = self.request(f'/v3/messages?resource_uuid={value}')
            self.assertEqual(200, response.status_int, response.body)
            self.assertEqual(1, len(response.json['messages']))

    def test_invalid_utf8_in_header_is_ignored(self):
        for name in ('Accept', 'Accept-Language', 'Cookie', 'Host',
                     'X-OpenStack-Request-Id', 'X-Auth-Token', 'Range'):
            response = self.request('/v3/messages', headers={name: '\xff\xfe'})
            self.assertEqual(200, response.status_int, name)
            self.assertEqual(1, len(response.json['messages']))

    def test_unknown_parameter_is_escaped_in_error(self):
        response = self.request('/v3/messages?%00%0d%0a%c3%a4=1')
        self.assert_error(response, 400, 'invalid_input')
        self.assert_message_begins('\\x00\\r\\n\\xe4: ', response)

    def test_long_unknown_parameter_is_cut_in_error(self):
        response = self.request('/v3/messages?' + 'k' * 5000)
        self.assert_error(response, 400, 'invalid_input')
        self.assert_message_begins('k' * 60 + '...: ', response)

    def assert_message_begins(self, expected, response):
        message = response.json['error']['message']
        self.assertEqual(expected, message[:len(expected)])

    def test_very_long_path_returns_404(self):
        self.assert_error(self.request('/' + 'a' * 50_000), 404)
        self.assert_error(self.request('/a' * 50_000), 404)

    def test_very_long_id_is_cut_in_error(self):
        response = self.request('/v3/messages/' + 'a' * 50_000)
        self.assert_error(response, 404, 'message.not_found')
        self.assertLess(len(response.body), 2000)

    def test_very_long_project_id_returns_400(self):
        response = self.request('/v3/' + 'a' * 50_000 + '/messages')
        self.assert_error(response, 400, 'invalid_input')
        self.assert_message_begins('project_id: ', response)

    def test_empty_path_segments_are_refused(self):
        for address in ('//', '/v3//messages', '//v3/messages',
                        '/v3/messages//', f'/v3/messages//{self.message.id}',
                        '/v3/red//messages'):
            response = self.request(address)
            self.assertIn(response.status_int, (400, 404), address)
            self.assert_error(response, response.status_int)

    def test_dot_segments_return_404(self):
        for address in ('/v3/messages/../messages', '/v3/./messages',
                        '/v3/messages/..', '/v3/messages/%2e%2e/x'):
            self.assert_error(self.request(address), 404)

    def test_empty_path_is_the_root(self):
        self.assertEqual(['versions'], list(self.request('').json))

    def test_path_without_leading_slash_returns_404(self):
        self.assert_error(self.request('v3/messages'), 404)

    def test_controller_attributes_are_not_routed(self):
        for name in ('__class__', '__init__', '_api', 'list', 'table',
                     '_route', 'versions'):
            for address in (f'/{name}', f'/v3/{name}', f'/v3/messages/{name}',
                            f'/v3/messages/{name}/{name}'):
                self.assert_error(self.request(address), 404)

    def test_unknown_method_returns_405(self):
        for method in ('get', 'Get', 'BREW', 'G\xc4T', '', 'CONNECT', ' GET',
                       '__class__', 'GET\r\n'):
            response = self.request('/v3/messages', method)
            self.assert_error(response, 405, 'method_not_allowed')
            self.assertEqual('GET, HEAD, OPTIONS, POST',
                             response.headers['Allow'])

    def test_head_response_has_no_body(self):
        for address, status in (('/v3/messages', 200), ('/v3/none', 404)):
            response = self.request(address, 'HEAD')
            self.assertEqual(status, response.status_int)
            self.assertEqual(b'', response.body)

    def test_body_over_limit_returns_413(self):
        response = self.request('/v3/messages', body=b'x' * (1024 * 1024 + 1))
        self.assert_error(response, 413, 'body_too_large')

    def test_delete_with_body_over_limit_deletes_nothing(self):
        address = f'/v3/messages/{self.message.id}'
        response = self.request(
            address, 'DELETE', body=b'x' * (1024 * 1024 + 1))
        self.assert_error(response, 413, 'body_too_large')
        self.assertEqual(200, self.request(address).status_int)

    def test_unneeded_body_up_to_limit_is_ignored(self):
        for method, status in (('GET', 200), ('DELETE', 204)):
            response = self.request(
                f'/v3/messages/{self.message.id}', method,
                {'Content-Type': 'application/json'}, b' ' * 1024 * 1024)
            self.assertEqual(status, response.status_int)

    def test_malformed_content_length_is_ignored_on_get(self):
        for length in ('abc', '-1', '1e9', '', ' ', '0x10'):
            response = self.request('/v3/messages',
                                    headers={'Content-Length': length})
            self.assertEqual(200, response.status_int, length)

    def test_content_length_over_limit_returns_413(self):
        response = self.request(
            '/v3/messages', headers={'Content-Length': '99999999999'})
        self.assert_error(response, 413)

    def test_unneeded_body_in_unknown_charset_is_ignored(self):
        for content_type in ('application/json; charset=unknown',
                             'text/plain; charset=utf-16', ';', 'a/b/c',
                             'multipart/form-data; boundary=',
                             'application/x-www-form-urlencoded'):
            for method, status in (('GET', 200), ('DELETE', 404)):
                response = self.request(
                    '/v3/messages' if method == 'GET' else '/v3/messages/x',
                    method, {'Content-Type': content_type}, b'\xff\xfe{')
                self.assertEqual(status, response.status_int, content_type)

    def test_very_long_accept_language_uses_english(self):
        response = self.request(
            '/v3/messages', headers={'Accept-Language': 'de,' * 10_000})
        self.assertEqual('en', response.headers['Content-Language'])

    def test_delete_response_is_empty(self):
        response = self.request(f'/v3/messages/{self.message.id}', 'DELETE')
        self.assertEqual(204, response.status_int)
        self.assertEqual(b'', response.body)
        self.assertNotIn('Content-Type', response.headers)

    def test_response_varies_with_language_and_version(self):
        response = self.request('/v3/messages')
        self.assertEqual(
            {'Accept-Language', 'OpenStack-API-Version', 'X-Auth-Token'},
            set(response.headers['Vary'].split(', ')))

    def test_links_contain_script_name(self):
        environ = {'SCRIPT_NAME': '/user-message'}
        http_client.record(self.service, 'red')

        def mounted(request_environ, start_response):
            return self.app({**request_environ, **environ}, start_response)

        response = http_client.request(
            mounted, '/v3/red/messages?limit=1', headers=READER)
        for link in (response.json['messages_links'][0],
                     response.json['messages'][0]['links'][0]):
            self.assertIn('/user-message/v3/', link['href'])
            self.assertEqual(1, link['href'].count('user-message'))

    def test_internal_error_does_not_disclose_its_cause(self):
        class Incomplete:
            digest = ''

        self.app = app.make_app(
            dataclasses.replace(self.service, catalogue=Incomplete()))
        response = self.request('/v3/messages')
        self.assert_error(response, 500, 'internal')
        self.assertNotIn(b'Incomplete', response.body)
        self.assertEqual('user-message 3.0',
                         response.headers['OpenStack-API-Version'])

    def test_long_body_of_a_read_mark_returns_413(self):
        response = self.request(
            '/v3/messages/read-mark', 'PUT',
            {'Content-Type': 'application/json'}, b' ' * 1025)
        self.assert_error(response, 413, 'body_too_large')
        self.assertIn('1024 bytes', response.json['error']['message'])

    def test_failure_of_middleware_returns_500(self):
        self.app = request_id.RequestId(None)
        response = self.request('/v3/messages')
        self.assert_error(response, 500, 'internal')
