# SPDX-License-Identifier: Apache-2.0
"""Badge in the header, and the number that its script reads."""

import importlib
from unittest import mock

from django.conf import settings
from django.contrib.auth import models
from django.core.cache import cache
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import translation
from openstack_dashboard import policy
from openstack_dashboard import views

from usermsg_dashboard.tests.unit.badge import base as badge_base
from usermsg_dashboard.tests.unit import base

URL = reverse('horizon:project:usermsg:unread_errors')
INDEX = reverse('horizon:project:usermsg:index')


class UnreadErrorsViewTest(badge_base.TestCase):

    def get(self):
        return self.client.get(
            URL, headers={'X-Requested-With': 'XMLHttpRequest'})

    def test_number(self):
        for values, expected in (
                ({'unread': 0}, (0, '', 'No unread errors')),
                ({'unread': 1}, (1, '1', '1 unread error')),
                ({'unread': 12}, (12, '12', '12 unread errors')),
                ({'unread': 1000, 'more_unread': True},
                 (1000, '1000+', 'At least 1000 unread errors'))):
            cache.clear()
            self.fake_summary(**values)
            content = self.get().json()
            self.assertEqual(expected, (content['number'], content['shown'],
                                        content['text']))
            self.assertEqual((30, False),
                             (content['delay'], content['failed']))

    def test_failure_is_not_an_error(self):
        self.service.get(badge_base.SUMMARY, status_code=503)
        response = self.get()
        self.assertEqual(200, response.status_code)
        self.assertEqual({'number': None, 'shown': '', 'text': 'Messages',
                          'delay': 60, 'failed': True}, response.json())

    def test_number_is_read_again_after_messages_were_marked_as_read(self):
        self.fake_summary(unread=3)
        self.get()
        self.service.put(f'{base.API}/messages/read-mark',
                         json={'message': base.make_id(3)})
        self.fake_summary(unread=0)
        self.client.post(reverse('horizon:project:usermsg:read_mark'),
                         {'message': base.make_id(3)})
        self.assertEqual(0, self.get().json()['number'])

    def test_number_is_read_again_after_a_deletion(self):
        self.fake_summary(unread=3)
        self.get()
        self.service.delete(f'{base.API}/messages/{base.make_id(3)}',
                            status_code=204)
        self.fake_summary(unread=2)
        self.client.post(reverse('horizon:project:usermsg:delete'),
                         {'only': base.make_id(3), 'confirmed': 'yes'})
        self.assertEqual(2, self.get().json()['number'])

    def test_response_is_not_stored(self):
        self.fake_summary(unread=3)
        self.assertIn('no-store', self.get()['Cache-Control'])

    def test_session_is_not_saved(self):
        self.fake_summary(unread=3)
        self.fake_list()
        self.assertIn(settings.SESSION_COOKIE_NAME,
                      self.client.get(INDEX).cookies)
        self.assertNotIn(settings.SESSION_COOKIE_NAME, self.get().cookies)

    @override_settings(SESSION_ENGINE='django.contrib.sessions.backends.cache')
    def test_switch_of_the_region_is_not_reverted(self):
        store = importlib.import_module(settings.SESSION_ENGINE).SessionStore
        session = store()
        session['services_region'] = 'RegionOne'
        session.save()
        self.client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key

        def respond(request, context):
            switched = store(session.session_key)
            switched['services_region'] = 'RegionTwo'
            switched.save()
            return badge_base.make_summary(unread=3)

        self.service.get(badge_base.SUMMARY, json=respond)
        self.assertEqual(3, self.get().json()['number'])
        self.assertEqual('RegionTwo',
                         store(session.session_key)['services_region'])


class WithoutServiceTest(badge_base.TestCase):

    endpoint = None

    def test_number_is_not_found(self):
        self.assertEqual(404, self.client.get(URL).status_code)

    def test_header_is_empty(self):
        self.assertEqual('', render_badge(self))


class WithoutRoleTest(badge_base.TestCase):

    role_names = ('auditor',)

    def test_number_is_forbidden(self):
        self.assertEqual(403, self.client.get(URL).status_code)
        self.assertEqual([], self.service.request_history)

    def test_header_is_empty(self):
        self.assertEqual('', render_badge(self))


class WithoutInterfaceTest(WithoutServiceTest):
    """Region whose only endpoint is for services."""

    endpoint = base.ENDPOINT
    interface = 'internal'


@override_settings(ROOT_URLCONF=())
class WithoutPanelTest(badge_base.TestCase):

    def test_header_is_empty(self):
        self.assertEqual('', render_badge(self))


class WithoutRuleTest(badge_base.TestCase):

    def test_header_is_empty_without_the_rule_of_its_request(self):
        def check(rules, request, target=None):
            return ('user-message', 'message:get_summary') not in rules

        with mock.patch.object(policy, 'check', check):
            self.assertEqual('', render_badge(self))


class HeaderTest(badge_base.TestCase):

    def test_header_sends_no_request(self):
        badge = render_badge(self)
        self.assertIn(f'data-href="{INDEX}"', badge)
        self.assertIn(f'data-url="{URL}"', badge)
        self.assertIn('data-delay="0" data-number=""', badge)
        self.assertIn('>Messages</span>', badge)
        self.assertEqual([], self.service.request_history)

    def test_header_contains_the_cached_number(self):
        self.fake_summary(unread=3)
        self.client.get(URL)
        badge = render_badge(self)
        self.assertIn('data-delay="30" data-number="3"', badge)
        self.assertIn('>3</span>', badge)
        self.assertIn('>3 unread errors</span>', badge)

    def test_header_is_in_the_language_of_the_user(self):
        with translation.override('de'):
            badge = render_badge(self)
        self.assertIn('lang="de"', badge)
        self.assertIn('>Nachrichten</span>', badge)

    def test_header_waits_after_a_failure(self):
        self.service.get(badge_base.SUMMARY, status_code=503)
        self.client.get(URL)
        self.assertIn('data-delay="60" data-number=""', render_badge(self))

    def test_header_contains_no_link_and_no_script(self):
        badge = render_badge(self)
        for markup in ('<a', '<script', 'onclick', 'style='):
            self.assertNotIn(markup, badge)

    def test_login_page_has_none(self):
        request = self.factory.get('/header/')
        request.user = models.AnonymousUser()
        self.assertEqual('', render_badge(self, request))


def render_badge(test, request=None):
    """Return the badge of Horizon's view of the header."""
    if request is None:
        request = test.factory.get('/header/')
    response = views.ExtensibleHeaderView.as_view()(request).render()
    test.assertEqual(200, response.status_code)
    [(_name, badge)] = response.context_data['header_sections']
    return badge.strip()
