# SPDX-License-Identifier: Apache-2.0
"""Dashboard below a path, whose processes share memcached."""

from usermsg.tests.fixtures import dashboard_case

_CATALOGUE = f'{dashboard_case.PERMITTED_MESSAGES}?prefix=VOLUME'

#: Colour of the label of errors, in the style sheet of the plug-in.
_RED = 'rgba(165, 18, 27, 1)'


class DeployedTest(dashboard_case.DeployedTestCase):

    def follow(self, selector, text):
        """Follow the only link with a text."""
        [link] = [link for link in self.browser.find(selector)
                  if link.text == text]
        self.browser.follow(link)

    def wait_for_badge(self, text):
        self.browser.wait(lambda: text in [
            element.get_attribute('textContent') for element in
            self.browser.driver.find_elements(
                'css selector', '.usermsg-badge .sr-only')],
            f'the badge "{text}"')

    def check_address(self, path):
        self.assertEqual(f'{self.horizon.url}{path}',
                         self.browser.driver.current_url)

    def test_links_below_the_path(self):
        message = self.record()
        self.sign_in()
        self.open(dashboard_case.OTHER_PAGE)
        self.follow('#sidebar a', 'Messages')
        self.check_address(dashboard_case.MESSAGES)
        [label] = self.browser.find('.usermsg-level-error')
        self.assertEqual(_RED, label.value_of_css_property('background-color'))
        self.press(dashboard_case.TEXT)
        self.check_address(f'{dashboard_case.MESSAGES}{message.id}/')
        self.press('Delete this message')
        self.press('Delete')
        self.check_address(dashboard_case.MESSAGES)
        self.assertEqual(['1 message was deleted.'], self.notices())
        self.open(_CATALOGUE)
        self.press('Filter')
        self.assertIn('VOLUME_000002', self.text())

    def test_start_page(self):
        self.sign_in()
        self.open('/')
        self.check_address(dashboard_case.MESSAGES)

    def test_badge(self):
        self.sign_in()
        self.open(dashboard_case.OTHER_PAGE)
        self.wait_for_badge('No unread errors')
        self.record()
        self.wait_for_badge('1 unread error')
        [link] = self.browser.find('a.extensible-header-section')
        self.browser.follow(link)
        self.check_address(dashboard_case.MESSAGES)
        self.assertIn(dashboard_case.TEXT, self.text())

    def test_catalogue_is_read_once_for_all_processes(self):
        self.sign_in()
        self.open(_CATALOGUE)
        self.assertIn('VOLUME_000002', self.text())
        server = self.cloud.service.server
        server.freeze()
        self.addCleanup(server.thaw)
        # Whichever process responds.
        for _ in range(6):
            response = self.send(_CATALOGUE)
            self.assertIn('VOLUME_000002', response.text)
