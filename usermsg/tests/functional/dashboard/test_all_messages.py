# SPDX-License-Identifier: Apache-2.0
"""Admin > Messages: the messages of all projects."""

from usermsg.tests.fixtures import dashboard_case


class AllMessagesTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.blue = self.make_name('blue')
        self.messages = [
            self.record(resource_uuid=f'volume-{self.project}'),
            self.record(project=self.blue,
                        resource_uuid=f'volume-{self.blue}')]

    def test_projects(self):
        self.sign_in('admin')
        self.open(dashboard_case.ALL_MESSAGES)
        blue, red = self.rows()[:2]
        self.assertIn(self.blue, blue)
        self.assertIn(f'volume-{self.blue}', blue)
        self.assertIn(self.project, red)
        # Those of the administrator's own project, without the others.
        self.open(dashboard_case.MESSAGES)
        [row] = self.rows()
        self.assertIn(f'volume-{self.project}', row)

    def test_filter_by_project(self):
        self.sign_in('admin')
        self.open(dashboard_case.ALL_MESSAGES)
        self.press(self.blue)
        [row] = self.rows()
        self.assertIn(f'volume-{self.blue}', row)
        self.open(dashboard_case.ALL_MESSAGES)
        self.browser.find('[name=project]')[0].send_keys(self.project)
        self.press('Filter')
        [row] = self.rows()
        self.assertIn(f'volume-{self.project}', row)

    def test_message_of_another_project(self):
        self.sign_in('admin')
        self.open(dashboard_case.ALL_MESSAGES)
        self.press(dashboard_case.TEXT)
        self.assertIn(f'volume-{self.blue}', self.text())
        self.assertIn(self.blue, self.text())
        self.press('Delete this message')
        self.press('Delete')
        self.assertEqual(['1 message was deleted.'], self.notices())
        self.assertIn(dashboard_case.ALL_MESSAGES,
                      self.browser.driver.current_url)
        self.open(f'{dashboard_case.ALL_MESSAGES}?project={self.blue}')
        self.assertEqual([], self.rows())

    def test_page_is_for_administrators(self):
        for role in ('member', 'reader'):
            self.sign_in(role)
            for path in ('', f'{self.messages[1].id}/', 'delete/'):
                response = self.send(f'{dashboard_case.ALL_MESSAGES}{path}')
                self.assertNotIn(f'volume-{self.blue}', response.text)
                self.assertNotIn(f'volume-{self.project}', response.text)
            self.send(f'{dashboard_case.ALL_MESSAGES}delete/',
                      message=self.messages[1].id, confirmed='yes')
        self.sign_in('reader', project=self.blue)
        self.open(dashboard_case.MESSAGES)
        self.assertIn(f'volume-{self.blue}', self.text())
        self.assertEqual([], [link for link in self.browser.find('a')
                              if dashboard_case.ALL_MESSAGES in (
                                  link.get_attribute('href') or '')])
