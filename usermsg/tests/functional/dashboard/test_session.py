# SPDX-License-Identifier: Apache-2.0
"""Sessions of the dashboard: login and tokens that are no longer valid."""

import atexit
import functools
import time

import requests
from selenium.webdriver.common import by

from usermsg.tests.fixtures import cloud
from usermsg.tests.fixtures import dashboard_case

#: Seconds for which tokens are valid.
_EXPIRATION = 15

_BADGE = '/project/usermsg/unread-errors/'


class _TestCase(dashboard_case.TestCase):

    def log_in(self, user, password):
        """Fill in Horizon's login form."""
        find = self.browser.driver.find_element
        find(by.By.NAME, 'username').send_keys(user)
        find(by.By.NAME, 'password').send_keys(password)
        find(by.By.ID, 'loginBtn').click()

    def wait_for_login_form(self):
        self.browser.wait(lambda: self.browser.find('#loginBtn'),
                          'the login form')


class SessionTest(_TestCase):

    def test_login_leads_to_the_messages(self):
        self.record()
        password = self.cloud.identity.user(
            self.project, project=self.project, roles=['member'])
        self.open(dashboard_case.MESSAGES)
        self.log_in(self.project, password)
        self.browser.wait(
            lambda: dashboard_case.TEXT in self.text(),
            'the message')

    def test_invalid_token_leads_to_the_login_form(self):
        # In a language in which no other test reads the permitted messages,
        # because those are cached.
        for path in (dashboard_case.MESSAGES,
                     dashboard_case.PERMITTED_MESSAGES):
            self.sign_in()
            self.set_cookies(horizon_language='it')
            self.cloud.identity.disable_user(self.user)
            self.open(path)
            self.wait_for_login_form()


@functools.cache
def _short_lived_cloud():
    started = cloud.Cloud(token={'expiration': _EXPIRATION})
    atexit.register(started.stop)
    return started


class ExpirationTest(_TestCase):
    """Tokens that expire while their users have a page open."""

    def get_cloud(self):
        return _short_lived_cloud()

    def get_horizon(self):
        return self.cloud.horizon

    def test_expired_token_leads_to_the_login_form(self):
        message = self.record()
        password = self.cloud.identity.user(
            self.project, project=self.project, roles=['admin'])
        path = f'{dashboard_case.MESSAGES}{message.id}/'
        # Each response removes the session.
        requested = {
            name: self.horizon.sign_in(self.project, password) for name in (
                path, f'{path}resource/', dashboard_case.ALL_MESSAGES,
                f'{dashboard_case.MESSAGES}resource-messages/?resource_id=x',
                f'{dashboard_case.MESSAGES}delete/',
                f'{dashboard_case.MESSAGES}read-mark/')}
        self.set_cookies(**self.horizon.sign_in(self.project, password))
        self.open(dashboard_case.MESSAGES)
        self.assertIn(dashboard_case.TEXT, self.text())
        self.wait_for_refused_badge()
        # It ends silently.
        self.browser.requests()
        time.sleep(3)
        self.assertNotIn(_BADGE, '\n'.join(self.browser.requests()))
        self.assertEqual([], self.alerts())
        self.browser.follow(self.browser.find('.usermsg-table tbody a')[0])
        self.wait_for_login_form()
        self.log_in(self.project, password)
        self.browser.wait(
            lambda: self.browser.driver.current_url.endswith(path) and
            dashboard_case.TEXT in self.text(), 'the page of the message')
        for address, cookies in requested.items():
            self.check_login_form(address, cookies)

    def wait_for_refused_badge(self):
        def is_refused():
            errors.extend(self.browser.script_errors())
            return errors
        errors = []
        self.browser.wait(is_refused, 'the end of the badge')
        [error] = errors
        self.assertIn(_BADGE, error)
        self.assertIn('401', error)

    def check_login_form(self, path, cookies):
        url = f'{self.horizon.url}{path}'
        for response in (
                requests.get(url, cookies=cookies, timeout=60),
                requests.post(
                    url, cookies=cookies, timeout=60, headers={'Referer': url},
                    data={'csrfmiddlewaretoken': cookies['csrftoken']})):
            self.assertEqual(200, response.status_code, path)
            self.assertIn('/auth/login/', response.url)
            self.assertIn('id="loginBtn"', response.text)
