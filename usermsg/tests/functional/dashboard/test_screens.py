# SPDX-License-Identifier: Apache-2.0
"""Each screen in each theme, language and width; accessibility.

With the environment variable ``DASHBOARD_PICTURES``, a directory, the tests
write a picture of each screen there.
"""

import json
import os
import pathlib

from selenium.webdriver.common import keys
import selenium_axe_python

from usermsg.tests.fixtures import browser
from usermsg.tests.fixtures import dashboard_case
from usermsg.tests.fixtures import example_messages

#: Language -> name of a level in it.
_LANGUAGES = {'en': 'Error', 'de': 'Fehler', 'ja': 'エラー'}

_WIDTHS = (browser.DESKTOP, browser.PHONE)


class TestCase(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        # The name is on the pictures.
        self.project = self.make_name('demo')
        self.messages = example_messages.record(self.cloud, self.project)
        self.sign_in('admin')
        #: Name of a screen -> its path.
        self.screens = {
            'messages': dashboard_case.MESSAGES,
            'message': f'{dashboard_case.MESSAGES}{self.messages[-4].id}/',
            'all-messages':
                f'{dashboard_case.ALL_MESSAGES}?project={self.project}',
            'permitted-messages':
                f'{dashboard_case.PERMITTED_MESSAGES}?prefix=VOLUME'}


class AccessibilityTest(TestCase):

    def find_violations(self):
        """Return what axe-core finds serious in the page, without the frame.

        The frame is Horizon's own.
        """
        axe = selenium_axe_python.Axe(self.browser.driver)
        axe.inject()
        results = axe.run(json.dumps({
            'include': [['#content_body']],
            'exclude': [['.page-breadcrumb'], ['.page-header']]}))
        return [(violation['id'], node['html'], node['failureSummary'])
                for violation in results['violations']
                if violation['impact'] in ('serious', 'critical')
                for node in violation['nodes']]

    def test_screens(self):
        for size in _WIDTHS:
            self.browser.resize(*size)
            for name, path in self.screens.items():
                self.open(path)
                self.assertEqual([], self.find_violations(), (size, name))

    def test_deleted_resource(self):
        self.open(f'{dashboard_case.MESSAGES}{self.messages[-1].id}/resource/')
        self.assertEqual(['This resource was deleted, or is no longer visible '
                          'to you.'], self.alerts())
        self.assertEqual([], self.find_violations())

    def test_errors(self):
        self.open(f'{dashboard_case.MESSAGES}?since=yesterday&robot=1')
        self.assertNotEqual([], self.alerts())
        self.assertEqual([], self.find_violations())

    def test_confirmation(self):
        self.open(dashboard_case.MESSAGES)
        self.browser.find('[data-usermsg-select-all]')[0].click()
        self.press('Delete selected messages')
        self.assertIn('Delete 12 messages?', self.text())
        self.assertEqual([], self.find_violations())


class MaterialAccessibilityTest(AccessibilityTest):

    horizon_options = {'theme': 'material'}


class ScreensTest(TestCase):

    def take_picture(self, *name):
        directory = os.environ.get('DASHBOARD_PICTURES')
        if directory:
            # On a phone it is in a menu.
            self.browser.wait(lambda: self.browser.driver.execute_script(
                'return document.querySelector(".usermsg-badge .badge")'
                '.textContent'), 'the number of the badge')
            self.browser.picture(
                pathlib.Path(directory, f'{"-".join(map(str, name))}.png'))

    def test_languages_and_widths(self):
        driver = self.browser.driver
        for language, level in _LANGUAGES.items():
            self.set_cookies(horizon_language=language)
            for width, height in _WIDTHS:
                self.browser.resize(width, height)
                for name, path in self.screens.items():
                    self.open(path)
                    if name != 'permitted-messages':
                        self.assertIn(level, self.text(), language)
                    # No part is beyond the edge of the page.
                    self.assertEqual(width, driver.execute_script(
                        'return Math.max(window.innerWidth, '
                        'document.documentElement.scrollWidth)'),
                        (language, name))
                    self.take_picture(name, language, width)

    def test_filters_are_in_columns(self):
        self.open(self.screens['all-messages'])
        fields = self.browser.find('.usermsg-filters .form-group')
        self.assertEqual(7, len(fields))
        self.assertEqual({fields[0].size['width']},
                         {field.size['width'] for field in fields})

    def test_texts_in_each_language(self):
        for language, texts in {
                'de': ('Nachrichten', 'Löschen', 'vor 2 Minuten'),
                'ja': ('メッセージ', '2分前')}.items():
            self.set_cookies(horizon_language=language)
            self.open(dashboard_case.MESSAGES)
            for text in texts:
                self.assertIn(text, self.text())
            # Neither Horizon's word for volumes, which messages don't have.
            self.assertNotIn('Datenträger', self.text())
            # Those of the service too.
            self.assertNotIn('No storage system can fulfill', self.text())

    def test_keyboard(self):
        self.open(dashboard_case.MESSAGES)
        driver = self.browser.driver
        link = self.browser.find('.usermsg-table tbody a')[0]
        target = link.get_attribute('href')
        for _ in range(100):
            focused = driver.switch_to.active_element
            if focused == link:
                break
            focused.send_keys(keys.Keys.TAB)
        self.assertEqual(link, driver.switch_to.active_element)
        # The focus is visible.
        self.assertNotEqual('none', link.value_of_css_property(
            'outline-style'))
        link.send_keys(keys.Keys.ENTER)
        self.browser.wait(lambda: driver.current_url == target, 'the message')
