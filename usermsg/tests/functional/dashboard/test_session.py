# SPDX-License-Identifier: Apache-2.0
"""Sessions of the dashboard: login and tokens that are no longer valid."""

from selenium.webdriver.common import by

from usermsg.tests.fixtures import dashboard_case


class SessionTest(dashboard_case.TestCase):

    def log_in(self, user, password):
        """Fill in Horizon's login form."""
        find = self.browser.driver.find_element
        find(by.By.NAME, 'username').send_keys(user)
        find(by.By.NAME, 'password').send_keys(password)
        find(by.By.ID, 'loginBtn').click()

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
            self.browser.wait(lambda: self.browser.find('#loginBtn'),
                              'the login form')
