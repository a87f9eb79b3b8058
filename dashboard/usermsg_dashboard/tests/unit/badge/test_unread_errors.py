# SPDX-License-Identifier: Apache-2.0
"""Number of unread errors, which is cached."""

from unittest import mock

from django.core.cache import cache
from django.test.utils import override_settings
import requests

from usermsg_dashboard.badge import unread_errors
from usermsg_dashboard.tests.unit.badge import base


class UnreadErrorsTest(base.TestCase):

    def read(self):
        return unread_errors.read(self.request)

    def test_number_is_read_from_the_summary_of_errors(self):
        self.fake_summary(unread=3)
        self.assertEqual(unread_errors.UnreadErrors(3, False, 30),
                         self.read())
        [request] = self.sent()
        self.assertEqual({'message_level': ['error']}, request.qs)

    def test_there_may_be_more(self):
        self.fake_summary(unread=1000, more_unread=True)
        self.assertEqual(unread_errors.UnreadErrors(1000, True, 30),
                         self.read())

    def test_request_has_a_second_to_connect_and_to_read(self):
        self.fake_summary(unread=3)
        self.read()
        [request] = self.sent()
        self.assertGreaterEqual(1, sum(request.timeout))

    def test_number_is_cached(self):
        self.fake_summary(unread=3)
        self.read()
        self.fake_summary(unread=4)
        self.assertEqual(3, self.read().number)
        self.assertEqual(1, len(self.sent()))

    def test_cached_number_expires(self):
        self.fake_summary(unread=3)
        with override_settings(USERMSG_BADGE_INTERVAL=20), mock.patch.object(
                cache, 'set', wraps=cache.set) as cached:
            self.read()
        self.assertEqual(10, cached.call_args.args[2])

    def test_expiry_is_at_least_a_second(self):
        self.fake_summary(unread=3)
        with override_settings(USERMSG_BADGE_INTERVAL=1), mock.patch.object(
                cache, 'set', wraps=cache.set) as cached:
            self.assertEqual(1, self.read().delay)
        self.assertEqual(1, cached.call_args.args[2])

    def test_another_user_has_another_number(self):
        self.assert_other_number(id='2')

    def test_another_project_has_another_number(self):
        self.assert_other_number(project_id='2')

    def test_another_region_has_another_number(self):
        self.fake_summary(unread=3)
        self.read()
        other = 'http://other.example.org/user-message'
        self.service.get(f'{other}/v3/messages/summary',
                         json=base.make_summary(unread=5))
        [entry] = [entry for entry in self.request.user.service_catalog
                   if entry['type'] == 'user-message']
        entry['endpoints'][0]['url'] = other
        self.assertEqual(5, self.read().number)

    def assert_other_number(self, **attributes):
        self.fake_summary(unread=3)
        self.read()
        self.fake_summary(unread=5)
        for name, value in attributes.items():
            setattr(self.request.user, name, value)
        self.assertEqual(5, self.read().number)

    def test_forgotten_number_is_read_again(self):
        self.fake_summary(unread=3)
        self.read()
        self.fake_summary(unread=0)
        unread_errors.forget(self.request)
        self.assertEqual(0, self.read().number)

    def test_one_request_is_sent_at_a_time(self):
        results = []

        def respond(request, context):
            results.append(self.read())
            return base.make_summary(unread=3)

        self.service.get(base.SUMMARY, json=respond)
        self.assertEqual(3, self.read().number)
        self.assertEqual([unread_errors.UnreadErrors(None, False, 2)],
                         results)

    def test_failures_are_unknown_and_followed_by_a_pause(self):
        for options in (
                {'status_code': 503}, {'status_code': 500},
                {'status_code': 429}, {'status_code': 404},
                {'status_code': 403}, {'status_code': 401},
                {'exc': requests.exceptions.ConnectTimeout},
                {'exc': requests.exceptions.ReadTimeout},
                {'exc': requests.exceptions.ConnectionError},
                {'exc': requests.exceptions.SSLError},
                {'text': '<html>'}, {'json': []},
                {'json': {'summary': {'newest_id': None, 'levels': {}}}},
                {'json': base.make_summary(unread='<script>')},
                {'json': base.make_summary(unread=float('inf'))},
                {'json': base.make_summary(unread=[])}):
            cache.clear()
            self.service.reset_mock()
            self.service.get(base.SUMMARY, **options)
            failure = unread_errors.UnreadErrors(None, False, 60, failed=True)
            self.assertEqual(failure, self.read(), options)
            self.assertEqual(failure, self.read(), options)
            self.assertEqual(1, len(self.sent()), options)

    def test_failure_of_the_service_is_that_of_all_users(self):
        self.service.get(base.SUMMARY, status_code=503)
        self.read()
        self.request.user.id = '2'
        self.assertTrue(self.read().failed)
        self.assertEqual(1, len(self.sent()))

    def test_failure_of_a_user_is_not_that_of_others(self):
        self.service.get(base.SUMMARY, status_code=403)
        self.read()
        self.fake_summary(unread=3)
        self.request.user.id = '2'
        self.assertEqual(3, self.read().number)

    def test_length_of_the_pause_is_an_option(self):
        self.service.get(base.SUMMARY, status_code=503)
        with override_settings(USERMSG_BADGE_PAUSE=300), mock.patch.object(
                cache, 'set', wraps=cache.set) as cached:
            self.assertEqual(300, self.read().delay)
        self.assertEqual(300, cached.call_args.args[2])

    def test_cached_number_is_read_without_a_request(self):
        self.fake_summary(unread=3)
        self.assertEqual(unread_errors.UnreadErrors(None, False, 0),
                         unread_errors.read_cached(self.request))
        self.assertEqual([], self.sent())
        self.read()
        self.assertEqual(3, unread_errors.read_cached(self.request).number)
