# SPDX-License-Identifier: Apache-2.0
"""Requests of the client, and what it makes of the responses."""

import datetime

from django.test import override_settings
from django.utils import translation
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions
import requests

from usermsg_dashboard import client
from usermsg_dashboard import connection
from usermsg_dashboard.tests.unit import base


class ClientTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.messages = client.MessageClient(self.request)

    def test_message_is_parsed(self):
        self.fake_list(base.make_message(1, unread=True))

        page = self.messages.list(limit=1)

        self.assertFalse(page.has_more)
        [message] = page.messages
        self.assertEqual(
            (base.make_id(1), 'ERROR', 'VOLUME', base.VOLUME_ID, True),
            (message.id, message.level, message.resource_type,
             message.resource_id, message.unread))
        self.assertEqual(
            datetime.datetime(2026, 11, 21, 22, 0, 1,
                              tzinfo=datetime.timezone.utc),
            message.created_at)

    def test_link_to_next_page_means_more(self):
        self.fake_list(base.make_message(), more=True)
        self.assertTrue(self.messages.list().has_more)

    def test_unread_is_unknown_for_all_projects(self):
        message = base.make_message()
        del message['unread']
        self.fake_list(message)
        self.assertIsNone(self.messages.list().messages[0].unread)

    def test_parameters_without_value_are_not_sent(self):
        self.fake_list()
        self.messages.list(limit=20, marker=None, message_level='WARN')
        [request] = self.sent()
        self.assertEqual({'limit': ['20'], 'message_level': ['warn']},
                         request.qs)

    def test_request_has_token_and_language(self):
        self.fake_list()
        with translation.override('de'):
            client.MessageClient(self.request).list()
        [request] = self.sent()
        self.assertEqual((self.token.id, 'de'), (
            request.headers['X-Auth-Token'],
            request.headers['Accept-Language']))

    def test_all_waits_together_are_bounded(self):
        self.fake_list()
        self.messages.list()
        [request] = self.sent()
        self.assertLess(sum(request.timeout), 10)

    def test_timeout_counts_for_all_requests_together(self):
        self.fake_list()
        messages = client.MessageClient(self.request, timeout=0)
        self.assertRaises(exceptions.RequestTimeout, messages.list)
        self.assertEqual([], self.sent())

    @override_settings(OPENSTACK_SSL_CACERT='/etc/ssl/cloud.pem')
    def test_certificate_is_verified_with_the_file_of_the_settings(self):
        self.fake_list()
        client.MessageClient(self.request).list()
        self.assertEqual('/etc/ssl/cloud.pem', self.sent()[0].verify)

    @override_settings(OPENSTACK_SSL_NO_VERIFY=True,
                       OPENSTACK_SSL_CACERT='/etc/ssl/cloud.pem')
    def test_verification_is_off_if_the_settings_require_it(self):
        self.fake_list()
        client.MessageClient(self.request).list()
        self.assertIs(False, self.sent()[0].verify)

    def test_certificate_is_verified_by_default(self):
        self.fake_list()
        self.messages.list()
        self.assertTrue(self.sent()[0].verify)

    def test_message_is_shown(self):
        self.fake_message(base.make_message(7))
        self.assertEqual('No storage could be allocated (7).',
                         self.messages.show(base.make_id(7)).text)

    def test_id_that_no_message_can_have_is_not_sent(self):
        for message_id in ('..', '', 'x/y', '?', 'read-mark'):
            for method in self.messages.show, self.messages.delete:
                self.assertRaises(exceptions.NotFound, method, message_id)
        self.assertEqual([], self.service.request_history)

    def test_message_is_deleted(self):
        self.service.delete(f'{base.API}/messages/{base.make_id(1)}',
                            status_code=204)
        self.messages.delete(base.make_id(1))
        self.assertEqual(1, len(self.sent('DELETE')))

    def test_other_response_than_that_of_a_deletion_is_invalid(self):
        for options in ({'status_code': 200, 'text': '<html>'},
                        {'status_code': 302, 'headers': {
                            'Location': 'http://other.example.org/'}}):
            self.service.delete(f'{base.API}/messages/{base.make_id(1)}',
                                **options)
            self.assertRaises(connection.InvalidResponse,
                              self.messages.delete, base.make_id(1))

    def test_unread_messages_of_a_level_are_counted(self):
        self.service.get(f'{base.API}/messages/summary', json={'summary': {
            'newest_id': base.make_id(1), 'follow_id': base.make_id(0),
            'levels': {'ERROR': {
                'total': 1000, 'more': True, 'unread': 3,
                'more_unread': False, 'ttl': 1}}}})
        self.assertEqual(client.UnreadCount(3, False),
                         self.messages.count_unread('ERROR'))

    def test_read_mark_is_moved(self):
        self.service.put(f'{base.API}/messages/read-mark',
                         json={'message': base.make_id(1)})
        self.assertEqual(base.make_id(1),
                         self.messages.mark_read(base.make_id(2)))
        [request] = self.sent('PUT')
        self.assertEqual({'message': base.make_id(2)}, request.json())

    def test_read_mark_without_position_is_invalid(self):
        for position in None, 1, '':
            self.service.put(f'{base.API}/messages/read-mark',
                             json={'message': position})
            self.assertRaises(connection.InvalidResponse,
                              self.messages.mark_read, base.make_id(2))

    def test_definitions_come_from_all_pages(self):
        def respond(request, context):
            number = 2 if 'marker' in request.qs else 1
            entry = {'id': f'VOLUME_00000{number}', 'prefix': 'VOLUME',
                     'resource_type': None, 'text': 'Text.', 'remedy': None,
                     'user_fixable': False, 'retryable': True, 'link': None}
            more = {'defined_messages_links': [{}]} if number == 1 else {}
            return {'defined_messages': [entry], **more}

        self.service.get(f'{base.API}/defined-messages', json=respond)
        self.assertEqual(
            ['VOLUME_000001', 'VOLUME_000002'],
            [entry.id for entry in self.messages.definitions(limit=1)])

    def test_only_links_to_web_pages_are_used(self):
        for link, expected in (('https://docs.example.org/a', True),
                               ('javascript:alert(1)', False), ('', False)):
            self.fake_list(base.make_message(link=link))
            [message] = self.messages.list().messages
            self.assertEqual(link if expected else None, message.link)

    def test_invalid_response_is_an_error_of_the_client(self):
        for content in ('<html>', '[]', '{}', '{"messages": 1}',
                        '{"messages": [{"id": 1}]}', 'null'):
            self.service.get(f'{base.API}/messages', text=content)
            self.assertRaises(connection.InvalidResponse, self.messages.list)

    def test_invalid_values_of_a_message_are_errors_of_the_client(self):
        for values in (
                {'id': ''}, {'id': 'a/b'}, {'id': 5}, {'id': None},
                {'user_message': None}, {'user_message': '\ud800'},
                {'project_id': None}, {'event_id': []}, {'remedy': 5},
                {'message_level': []}, {'resource_type': {}},
                {'resource_uuid': 5}, {'request_id': 5}, {'link': 5},
                {'user_fixable': None}, {'unread': 'yes'},
                {'created_at': '0001-01-01T00:00:00+00:00'},
                {'created_at': '9999-12-31T23:59:59+00:00'},
                {'created_at': '2026-11-21T22:00:00'},
                {'guaranteed_until': 5}):
            self.fake_list(base.make_message(**values))
            with self.assertRaises(connection.InvalidResponse, msg=values):
                self.messages.list()

    def test_invalid_values_of_a_definition_are_errors_of_the_client(self):
        definition = {
            'id': 'VOLUME_000001', 'prefix': 'VOLUME', 'resource_type': None,
            'text': 'Text.', 'remedy': None, 'user_fixable': False,
            'retryable': True, 'link': None}
        for values in ({'id': 5}, {'prefix': []}, {'text': None},
                       {'remedy': 5}, {'retryable': 'x'}):
            self.service.get(
                f'{base.API}/defined-messages',
                json={'defined_messages': [{**definition, **values}]})
            with self.assertRaises(connection.InvalidResponse, msg=values):
                self.messages.definitions()

    def test_empty_page_is_the_last_one(self):
        self.fake_list(more=True)
        self.assertFalse(self.messages.list().has_more)

    def test_missing_collection_is_an_invalid_response(self):
        for path, read in (
                ('messages', self.messages.list),
                ('messages/summary',
                 lambda: self.messages.count_unread('ERROR')),
                ('defined-messages', self.messages.definitions)):
            self.service.get(f'{base.API}/{path}', status_code=404)
            self.assertRaises(connection.InvalidResponse, read)

    def test_redirection_is_not_followed(self):
        self.service.get(f'{base.API}/messages', status_code=302,
                         headers={'Location': 'http://other.example.org/'},
                         json={'messages': []})
        self.assertRaises(connection.InvalidResponse, self.messages.list)
        self.assertEqual(1, len(self.service.request_history))

    def test_errors_are_errors_of_the_client(self):
        for options in ({'status_code': 404}, {'status_code': 503},
                        {'status_code': 429}, {'status_code': 500},
                        {'exc': requests.exceptions.ConnectTimeout},
                        {'exc': requests.exceptions.ReadTimeout},
                        {'exc': requests.exceptions.ConnectionError},
                        {'exc': requests.exceptions.SSLError},
                        {'exc': requests.exceptions.ChunkedEncodingError}):
            self.service.get(f'{base.API}/messages', **options)
            self.assertRaises(client.ERRORS, self.messages.list)

    def test_invalid_token_leads_to_the_login(self):
        self.service.get(f'{base.API}/messages', status_code=401)
        self.assertRaises(horizon_exceptions.NotAuthenticated,
                          self.messages.list)


class VersionInEndpointTest(base.TestCase):

    endpoint = f'{base.API}/'

    def test_version_is_not_appended_again(self):
        listing = self.fake_list()
        client.MessageClient(self.request).list()
        self.assertTrue(listing.called)


class ProjectInEndpointTest(base.TestCase):

    endpoint = f'{base.API}/{base.PROJECT_ID}'

    def test_path_is_that_of_the_project(self):
        listing = self.service.get(f'{self.endpoint}/messages',
                                   json={'messages': []})
        client.MessageClient(self.request).list()
        self.assertTrue(listing.called)


class MissingServiceTest(base.TestCase):

    endpoint = None

    def test_region_without_the_service_is_an_error_of_the_client(self):
        self.assertRaises(client.ERRORS, client.MessageClient, self.request)
