# SPDX-License-Identifier: Apache-2.0
"""Requests that no well-behaved client can be made to send."""

import dataclasses

from usermsg.api import app
from usermsg.api.middleware import request_id
from usermsg.tests import base
from usermsg.tests.fixtures import http_client

READER = http_client.build_headers('red', 'member', 'reader')

GLOBAL_ID = 'req-936666d2-4c8f-4e41-9ac9-237b43f8b848'


class TestGlobalRequestId(base.TestCase):

    def kept(self, given):
        """What becomes of a client's X-OpenStack-Request-ID."""
        seen = []

        def application(environ, start_response):
            seen.append(environ.get('openstack.global_request_id'))
            start_response('204 No Content', [])
            return []

        http_client.request(request_id.RequestId(application), '/',
                            headers={'X-OpenStack-Request-ID': given})
        return seen[0]

    def test_one_of_the_right_form_is_kept(self):
        self.assertEqual(GLOBAL_ID, self.kept(GLOBAL_ID))

    def test_any_other_is_ignored(self):
        for junk in ('', 'junk', GLOBAL_ID[4:], GLOBAL_ID[:-1],
                     f'{GLOBAL_ID}\n', f' {GLOBAL_ID}', GLOBAL_ID * 2,
                     f'{GLOBAL_ID} [-] forged', '\xff'):
            self.assertIsNone(self.kept(junk), junk)


class TestOddRequests(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.message = http_client.record(self.service, 'red')
        self.app = app.make_app(self.service)

    def ask(self, address, method='GET', headers=None, body=b''):
        return http_client.request(self.app, address, method,
                                   {**READER, **(headers or {})}, body)

    def assert_error(self, answer, status, code=None):
        self.assertEqual(status, answer.status_int, answer.body)
        self.assertEqual('application/json', answer.content_type)
        self.assertEqual(['errors', 'error'], list(answer.json))
        [error] = answer.json['errors']
        self.assertEqual(answer.headers['X-OpenStack-Request-Id'],
                         error['request_id'])
        self.assertEqual(status, error['status'])
        self.assertEqual(status, answer.json['error']['code'])
        self.assertEqual(error['detail'], answer.json['error']['message'])
        if code is not None:
            self.assertEqual(f'user-message.{code}', error['code'])

    def test_invalid_utf8_in_the_path_is_the_clients_fault(self):
        for address in ('/v3/messages/%ff', '/v3/%ff/messages', '/%ff',
                        '/v3/messages/\xff', '/v3/messages/%c3'):
            self.assert_error(self.ask(address), 400, 'malformed_request')

    def test_invalid_utf8_in_the_query_is_the_clients_fault(self):
        for query in ('%ff', 'limit=%ff', '%ff=1', 'resource_uuid=\xff',
                      'limit=1&%c3=1'):
            self.assert_error(self.ask(f'/v3/messages?{query}'), 400,
                              'malformed_request')

    def test_a_semicolon_does_not_end_a_value(self):
        http_client.record(self.service, 'red', resource_uuid='a;limit=0')
        for value in ('a;limit=0', 'a%3Blimit%3D0'):
            answer = self.ask(f'/v3/messages?resource_uuid={value}')
            self.assertEqual(200, answer.status_int, answer.body)
            self.assertEqual(1, len(answer.json['messages']))

    def test_invalid_utf8_in_a_header_does_no_harm(self):
        for name in ('Accept', 'Accept-Language', 'Cookie', 'Host',
                     'X-OpenStack-Request-Id', 'X-Auth-Token', 'Range'):
            answer = self.ask('/v3/messages', headers={name: '\xff\xfe'})
            self.assertEqual(200, answer.status_int, name)
            self.assertEqual(1, len(answer.json['messages']))

    def test_an_unknown_key_is_named_in_printable_characters(self):
        answer = self.ask('/v3/messages?%00%0d%0a%c3%a4=1')
        self.assert_error(answer, 400, 'invalid_input')
        self.assert_message_begins('\\x00\\r\\n\\xe4: ', answer)

    def test_a_long_unknown_key_is_named_in_part(self):
        answer = self.ask('/v3/messages?' + 'k' * 5000)
        self.assert_error(answer, 400, 'invalid_input')
        self.assert_message_begins('k' * 60 + '...: ', answer)

    def assert_message_begins(self, expected, answer):
        message = answer.json['error']['message']
        self.assertEqual(expected, message[:len(expected)])

    def test_a_very_long_path_is_not_found(self):
        self.assert_error(self.ask('/' + 'a' * 50_000), 404)
        self.assert_error(self.ask('/a' * 50_000), 404)

    def test_a_very_long_id_is_not_repeated_in_full(self):
        answer = self.ask('/v3/messages/' + 'a' * 50_000)
        self.assert_error(answer, 404, 'message.not_found')
        self.assertLess(len(answer.body), 2000)

    def test_a_very_long_project_is_named(self):
        answer = self.ask('/v3/' + 'a' * 50_000 + '/messages')
        self.assert_error(answer, 400, 'invalid_input')
        self.assert_message_begins('project_id: ', answer)

    def test_empty_segments_lead_nowhere(self):
        for address in ('//', '/v3//messages', '//v3/messages',
                        '/v3/messages//', f'/v3/messages//{self.message.id}',
                        '/v3/red//messages'):
            answer = self.ask(address)
            self.assertIn(answer.status_int, (400, 404), address)
            self.assert_error(answer, answer.status_int)

    def test_dots_are_not_followed(self):
        for address in ('/v3/messages/../messages', '/v3/./messages',
                        '/v3/messages/..', '/v3/messages/%2e%2e/x'):
            self.assert_error(self.ask(address), 404)

    def test_without_any_path_it_is_the_root(self):
        self.assertEqual(['versions'], list(self.ask('').json))

    def test_a_path_without_a_slash_leads_nowhere(self):
        self.assert_error(self.ask('v3/messages'), 404)

    def test_attributes_of_controllers_have_no_address(self):
        for name in ('__class__', '__init__', '_api', 'list', 'table',
                     '_route', 'versions'):
            for address in (f'/{name}', f'/v3/{name}', f'/v3/messages/{name}',
                            f'/v3/messages/{name}/{name}'):
                self.assert_error(self.ask(address), 404)

    def test_a_strange_method_is_not_allowed(self):
        for method in ('get', 'Get', 'BREW', 'G\xc4T', '', 'CONNECT', ' GET',
                       '__class__', 'GET\r\n'):
            answer = self.ask('/v3/messages', method)
            self.assert_error(answer, 405, 'method_not_allowed')
            self.assertEqual('GET, POST', answer.headers['Allow'])

    def test_a_head_has_no_body(self):
        answer = self.ask('/v3/messages', 'HEAD')
        self.assertEqual(405, answer.status_int)
        self.assertEqual('GET, POST', answer.headers['Allow'])
        self.assertEqual(b'', answer.body)

    def test_a_body_over_the_limit_is_refused(self):
        answer = self.ask('/v3/messages', body=b'x' * (1024 * 1024 + 1))
        self.assert_error(answer, 413, 'body_too_large')

    def test_a_body_over_the_limit_deletes_nothing(self):
        address = f'/v3/messages/{self.message.id}'
        answer = self.ask(address, 'DELETE', body=b'x' * (1024 * 1024 + 1))
        self.assert_error(answer, 413, 'body_too_large')
        self.assertEqual(200, self.ask(address).status_int)

    def test_a_body_up_to_the_limit_is_ignored(self):
        for method, status in (('GET', 200), ('DELETE', 204)):
            answer = self.ask(
                f'/v3/messages/{self.message.id}', method,
                {'Content-Type': 'application/json'}, b' ' * 1024 * 1024)
            self.assertEqual(status, answer.status_int)

    def test_a_length_that_is_no_number_does_no_harm(self):
        for length in ('abc', '-1', '1e9', '', ' ', '0x10'):
            answer = self.ask('/v3/messages',
                              headers={'Content-Length': length})
            self.assertEqual(200, answer.status_int, length)

    def test_a_length_alone_is_enough_to_refuse(self):
        answer = self.ask('/v3/messages',
                          headers={'Content-Length': '99999999999'})
        self.assert_error(answer, 413)

    def test_a_body_in_an_unknown_charset_does_no_harm(self):
        for content_type in ('application/json; charset=nonsense',
                             'text/plain; charset=utf-16', ';', 'a/b/c',
                             'multipart/form-data; boundary=',
                             'application/x-www-form-urlencoded'):
            for method, status in (('GET', 200), ('DELETE', 404)):
                answer = self.ask(
                    '/v3/messages' if method == 'GET' else '/v3/messages/x',
                    method, {'Content-Type': content_type}, b'\xff\xfe{')
                self.assertEqual(status, answer.status_int, content_type)

    def test_a_very_long_accept_language_is_english(self):
        answer = self.ask(
            '/v3/messages', headers={'Accept-Language': 'de,' * 10_000})
        self.assertEqual('en', answer.headers['Content-Language'])

    def test_a_deletion_has_an_empty_answer(self):
        answer = self.ask(f'/v3/messages/{self.message.id}', 'DELETE')
        self.assertEqual(204, answer.status_int)
        self.assertEqual(b'', answer.body)
        self.assertNotIn('Content-Type', answer.headers)

    def test_an_answer_varies_with_language_and_version(self):
        answer = self.ask('/v3/messages')
        self.assertEqual(
            {'Accept-Language', 'OpenStack-API-Version'},
            set(answer.headers['Vary'].split(', ')))

    def test_links_hold_where_the_application_is_mounted(self):
        environ = {'SCRIPT_NAME': '/user-message'}
        http_client.record(self.service, 'red')

        def mounted(given, start_response):
            return self.app({**given, **environ}, start_response)

        answer = http_client.request(mounted, '/v3/red/messages?limit=1',
                                     headers=READER)
        for link in (answer.json['messages_links'][0],
                     answer.json['messages'][0]['links'][0]):
            self.assertIn('/user-message/v3/', link['href'])
            self.assertEqual(1, link['href'].count('user-message'))

    def test_a_failure_of_ours_says_nothing_of_its_cause(self):
        self.app = app.make_app(
            dataclasses.replace(self.service, catalogue=None))
        answer = self.ask('/v3/messages')
        self.assert_error(answer, 500, 'internal')
        self.assertNotIn(b'NoneType', answer.body)
        self.assertEqual('user-message 3.0',
                         answer.headers['OpenStack-API-Version'])

    def test_a_failure_in_front_of_the_application_is_answered_too(self):
        self.app = request_id.RequestId(None)
        answer = self.ask('/v3/messages')
        self.assert_error(answer, 500, 'internal')
