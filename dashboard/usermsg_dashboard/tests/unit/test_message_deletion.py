# SPDX-License-Identifier: Apache-2.0
"""Project > Messages: deletion of messages and the read mark."""

import functools
from unittest import mock
import urllib.parse

from django.urls import reverse
import requests

from usermsg_dashboard import client
from usermsg_dashboard.tests.unit import base

INDEX = reverse('horizon:project:usermsg:index')
DELETE = reverse('horizon:project:usermsg:delete')
READ_MARK = reverse('horizon:project:usermsg:read_mark')


class MessageDeletionTest(base.TestCase):

    def post(self, *numbers, **data):
        return self.client.post(DELETE, {
            'message': [base.make_id(number) for number in numbers], **data})

    def fake_deletions(self, *numbers, **options):
        for number in numbers:
            self.service.delete(f'{base.API}/messages/{base.make_id(number)}',
                                **(options or {'status_code': 204}))

    def test_confirmation_shows_the_messages(self):
        for number in (1, 2):
            self.fake_message(base.make_message(number))
        text = self.read_text(self.post(1, 2))
        for part in ('Delete 2 messages?',
                     'No storage could be allocated (1).',
                     'No storage could be allocated (2).'):
            self.assertIn(part, text)
        self.assertEqual([], self.sent('DELETE'))

    def test_confirmation_shows_at_most_twenty_messages(self):
        for number in range(25):
            self.fake_message(base.make_message(number))
        text = self.read_text(self.post(*range(25)))
        self.assertIn('Delete 25 messages?', text)
        self.assertIn('5 more', text)
        self.assertEqual(20, len(self.sent()))

    def test_text_in_the_confirmation_is_escaped(self):
        self.fake_message(base.make_message(
            user_message='<script>alert("1")</script>'))
        response = self.post(1)
        self.assertIn('<script>alert("1")</script>', self.read_text(response))
        self.assertNotContains(response, '<script>alert')

    def test_id_in_the_confirmation_is_escaped(self):
        response = self.client.post(DELETE, {'message': '"><script>alert(1)'})
        self.assertNotContains(response, '<script>alert')

    def test_confirmation_without_the_service_is_explained(self):
        self.service.get(f'{base.API}/messages/{base.make_id(1)}',
                         exc=requests.exceptions.ReadTimeout)
        self.assertIn('did not respond in time',
                      self.read_text(self.post(1)))

    def test_confirmed_messages_are_deleted(self):
        self.fake_deletions(1, 2)
        response = self.post(1, 2, confirmed='yes')
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(2, len(self.sent('DELETE')))
        self.assertEqual(['2 messages were deleted.'],
                         self.read_notices(response))

    def test_button_of_a_message_ignores_the_selection(self):
        self.fake_deletions(3)
        self.post(1, 2, only=base.make_id(3), confirmed='yes')
        self.assertEqual(1, len(self.sent('DELETE')))

    def test_message_that_was_deleted_meanwhile_is_mentioned(self):
        self.fake_deletions(1)
        self.fake_deletions(2, status_code=404)
        self.assertEqual(
            ['1 message no longer existed.', '1 message was deleted.'],
            self.read_notices(self.post(1, 2, confirmed='yes')))

    def test_failure_ends_the_deletion(self):
        self.fake_deletions(1)
        self.fake_deletions(2, 3, exc=requests.exceptions.ReadTimeout)
        notices = self.read_notices(self.post(1, 2, 3, confirmed='yes'))
        self.assertEqual(2, len(self.sent('DELETE')))
        self.assertIn('2 messages were not deleted.', notices[0])
        self.assertIn('did not respond in time', notices[0])
        self.assertEqual('1 message was deleted.', notices[1])

    def test_used_time_is_explained(self):
        self.fake_deletions(1)
        with mock.patch.object(client, 'MessageClient', functools.partial(
                client.MessageClient, timeout=0)):
            [notice] = self.read_notices(self.post(1, confirmed='yes'))
        self.assertIn('1 message was not deleted. The time for one request '
                      'is used up.', notice)

    def test_message_in_two_spellings_is_deleted_once(self):
        self.fake_deletions(1)
        response = self.client.post(DELETE, {
            'message': [base.make_id(1), base.make_id(1).upper()],
            'confirmed': 'yes'})
        self.assertEqual(['1 message was deleted.'],
                         self.read_notices(response))

    def test_forbidden_deletion_is_explained(self):
        self.fake_deletions(1, status_code=403)
        [notice] = self.read_notices(self.post(1, confirmed='yes'))
        self.assertIn('Your roles do not permit this.', notice)

    def test_deletion_without_selection_is_explained(self):
        response = self.client.post(DELETE)
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(['Select the messages to delete first.'],
                         self.read_notices(response))

    def test_user_returns_to_the_same_page_of_the_list(self):
        self.fake_deletions(1)
        page = f'{INDEX}?level=ERROR'
        self.assertRedirectsNoFollow(
            self.post(1, confirmed='yes', next=page), page)

    def test_user_returns_nowhere_else(self):
        self.fake_deletions(1)
        for url in ('https://example.org/', '//example.org/', '/project/',
                    'javascript:alert(1)', f'//example.org{INDEX}',
                    f'{INDEX}../../auth/logout/', f'{INDEX}%2e%2e/', '//['):
            self.assertRedirectsNoFollow(
                self.post(1, confirmed='yes', next=url), INDEX)

    def test_page_without_form_leads_to_the_list(self):
        self.assertRedirectsNoFollow(self.client.get(DELETE), INDEX)

    def test_expired_token_leads_to_the_login(self):
        self.fake_deletions(1, status_code=401)
        response = self.post(1, confirmed='yes')
        self.assertEqual('/auth/login/',
                         urllib.parse.urlsplit(response['Location']).path)


class ReaderTest(base.TestCase):

    role_names = ('reader',)

    def test_deletion_by_a_reader_is_refused(self):
        response = self.client.post(DELETE, {'message': base.make_id(1),
                                             'confirmed': 'yes'})
        self.assertEqual(403, response.status_code)
        self.assertEqual([], self.service.request_history)


class ReadMarkTest(base.TestCase):

    def post(self, message_id=base.make_id(9)):
        return self.client.post(READ_MARK, {'message': message_id})

    def test_messages_are_marked_as_read(self):
        self.service.put(f'{base.API}/messages/read-mark',
                         json={'message': base.make_id(9)})
        response = self.post()
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual({'message': base.make_id(9)},
                         self.sent('PUT')[0].json())
        self.assertEqual(['All messages are marked as read.'],
                         self.read_notices(response))

    def test_messages_of_the_last_seconds_remain_unread(self):
        self.service.put(f'{base.API}/messages/read-mark',
                         json={'message': base.make_id(8)})
        [notice] = self.read_notices(self.post())
        self.assertIn('except those of the last seconds', notice)

    def test_mark_of_another_page_may_be_later(self):
        self.service.put(f'{base.API}/messages/read-mark',
                         json={'message': base.make_id(10)})
        self.assertEqual(['All messages are marked as read.'],
                         self.read_notices(self.post()))

    def test_refusal_is_explained(self):
        self.service.put(f'{base.API}/messages/read-mark', status_code=400)
        [notice] = self.read_notices(self.post())
        self.assertIn('does not accept these values', notice)

    def test_malformed_id_is_not_sent(self):
        self.assertEqual(['This message no longer exists.'],
                         self.read_notices(self.post('<script>')))
        self.assertEqual([], self.service.request_history)

    def test_unavailable_service_is_explained(self):
        self.service.put(f'{base.API}/messages/read-mark', status_code=503)
        [notice] = self.read_notices(self.post())
        self.assertIn('temporarily unavailable', notice)

    def test_page_without_form_leads_to_the_list(self):
        self.assertRedirectsNoFollow(self.client.get(READ_MARK), INDEX)
