# SPDX-License-Identifier: Apache-2.0
"""Badge with the number of unread errors in the header of all pages."""

import atexit
import functools
import re
import threading

import requests
from selenium.webdriver.common import keys

from usermsg.tests.fixtures import dashboard_case
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import keystone_case

_REQUEST = '/project/usermsg/unread-errors/'
_HIDE = '''
Object.defineProperty(document, "hidden",
                      {configurable: true, value: arguments[0]});
document.dispatchEvent(new Event("visibilitychange"));
'''
_REGION = 'RegionTwo'

#: File, not a page, whose requests would save the session, too.
_IMAGE = '/static/dashboard/img/logo.svg'

#: Line of Horizon's log about a request of the badge that timed out, which
#: takes half a second.
_TIMEOUT = re.compile(rf'GET {_REQUEST} .* in (?:[5-9]\d\d|\d{{4,}}) msecs')


class _TestCase(dashboard_case.TestCase):

    def badge(self):
        """Return what a screen reader reads of the badge, if it is shown."""
        return self.browser.driver.execute_script('''
            const text = document.querySelector(".usermsg-badge .sr-only");
            return text && text.textContent''')

    def wait_for_badge(self, text):
        self.browser.wait(lambda: self.badge() == text,
                          f'the badge "{text}"')

    def numbers(self):
        """Return the number that is shown, in a list."""
        return self.browser.texts('.usermsg-badge .badge')

    def wait_for_request(self):
        self.browser.wait(
            lambda: [url for url in self.browser.requests()
                     if _REQUEST in url], 'a request of the badge')


class BadgeTest(_TestCase):

    def test_badge_has_the_number_of_unread_errors(self):
        self.record()
        self.record(level='WARN')
        self.record(project=self.make_name('blue'))
        self.sign_in('reader')
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('1 unread error')
        self.assertEqual(['1'], self.numbers())

    def test_badge_without_messages_has_no_number(self):
        self.sign_in()
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('No unread errors')
        self.assertEqual([], self.numbers())

    def test_message_that_arrives_raises_the_badge(self):
        self.sign_in()
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('No unread errors')
        self.record()
        self.wait_for_badge('1 unread error')
        self.record()
        self.wait_for_badge('2 unread errors')
        self.assertEqual(['2'], self.numbers())
        # A screen reader announces it.
        self.assertEqual('2 unread errors', self.browser.driver.execute_script(
            'return document.querySelector("body > [role=status]")'
            '.textContent'))

    def test_badge_is_a_link_that_the_keyboard_reaches(self):
        self.sign_in()
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('No unread errors')
        [link] = self.browser.find('a.extensible-header-section')
        link.send_keys(keys.Keys.ENTER)
        self.browser.wait(
            lambda: self.browser.driver.current_url.endswith(
                dashboard_case.MESSAGES), 'the messages')

    def test_hidden_page_sends_no_requests(self):
        self.sign_in()
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('No unread errors')
        self.browser.driver.execute_script(_HIDE, True)
        self.record()
        other = self.browser.driver.current_window_handle
        self.browser.driver.switch_to.new_window('tab')
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('1 unread error')
        self.browser.driver.close()
        self.browser.driver.switch_to.window(other)
        self.assertEqual('No unread errors', self.badge())
        self.browser.driver.execute_script(_HIDE, False)
        self.wait_for_badge('1 unread error')

    def test_failure_is_silent(self):
        self.record()
        self.sign_in()
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('1 unread error')
        server = self.cloud.service.server
        server.kill()
        self.addCleanup(server.start)
        self.browser.requests()
        self.wait_for_request()
        self.wait_for_request()
        self.assertEqual('1 unread error', self.badge())
        self.assertEqual([], self.alerts())

    def test_switch_of_the_project_is_not_reverted(self):
        user, other = self.make_name('member'), self.make_name('blue')
        for project in (other, self.project):
            password = self.cloud.identity.user(
                user, project=project, roles=['member'])
        self.cookies = self.horizon.sign_in(user, password)
        self.set_cookies(**self.cookies)
        server = self.cloud.service.server
        server.freeze()
        self.addCleanup(server.thaw)
        for _attempt in range(10):
            for project in (other, self.project):
                if self.switch_while_the_badge_waits(project):
                    self.open(dashboard_case.OTHER_PAGE)
                    [current] = self.browser.texts('.context-project')
                    self.assertIn(project, current)
                    return
        self.fail('No switch took less time than a request of the badge.')

    def switch_while_the_badge_waits(self, project):
        """Switch the project; return True if the badge took longer."""
        badge = threading.Thread(target=self.get, args=[_REQUEST])
        badge.start()
        response = self.get(
            f'/auth/switch/{self.cloud.identity.project(project)}/')
        is_waiting = badge.is_alive()
        badge.join()
        self.assertEqual(302, response.status_code)
        return is_waiting

    def get(self, path):
        """Request a page without the browser, as the same user."""
        return requests.get(f'{self.horizon.url}{path}', timeout=60,
                            cookies=self.cookies, allow_redirects=False)


@functools.cache
def _other_service(identity):
    """Return the user messages service of the other region."""
    service = keystone_case.Service(identity)
    atexit.register(service.stop)
    identity.add_region(_REGION)
    return service


class RegionTest(_TestCase):
    """Two regions, each with a service."""

    def setUp(self):
        super().setUp()
        identity = self.cloud.identity
        other = _other_service(identity)
        endpoint = identity.add_endpoint('usermsg', other.server.url, _REGION)
        self.addCleanup(identity.remove_endpoint, endpoint)
        self.record()
        for _ in range(2):
            http_client.record(other.runtime, identity.project(self.project),
                               resource_uuid='volume-of-region-two')
        self.sign_in()
        self.switch('RegionOne')
        self.wait_for_badge('1 unread error')
        self.addCleanup(self.check_script_errors)

    def check_script_errors(self):
        # Browsers look for an icon of a file, and there is none.
        self.assertEqual([], [error for error in self.browser.script_errors()
                              if '/favicon.ico' not in error])

    def switch(self, region, page=dashboard_case.OTHER_PAGE):
        self.open(f'/auth/switch_services_region/{region}/?next={page}')

    def test_switch_of_the_region_is_not_reverted(self):
        server = self.cloud.service.server
        server.freeze()
        self.addCleanup(server.thaw)
        for _attempt in range(10):
            if self.switch_while_the_badge_waits():
                break
            self.switch('RegionOne')
        else:
            self.fail('No switch took less time than a request of the badge.')
        self.open(dashboard_case.MESSAGES)
        self.assertEqual([_REGION], self.browser.texts('.context-region'))
        self.assertEqual(2, self.text().count('volume-of-region-two'))
        self.wait_for_badge('2 unread errors')

    def switch_while_the_badge_waits(self):
        """Switch the region; return True if the badge took longer.

        Horizon logs a request when it ends.
        """
        self.browser.requests()
        self.wait_for_request()
        size = len(self.horizon.log())
        self.switch(_REGION, _IMAGE)

        def is_timeout_logged():
            _, _, log = self.horizon.log()[size:].partition(
                '/auth/switch_services_region/')
            return _TIMEOUT.search(log)

        try:
            return bool(self.browser.wait(
                is_timeout_logged, 'the end of the request', seconds=3))
        except AssertionError:
            return False
