# SPDX-License-Identifier: Apache-2.0
"""Project > Permitted Messages: the catalogue."""

from selenium.webdriver.support import select

from usermsg.tests.fixtures import browser
from usermsg.tests.fixtures import dashboard_case

#: Returns the distinct numbers of lines of the event ids.
_LINES = '''
return [...new Set([...document.querySelectorAll(
  '.usermsg-table td:last-child')].map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getClientRects().length;
  }))];
'''


class PermittedMessagesTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.sign_in('reader')
        self.open(dashboard_case.PERMITTED_MESSAGES)

    def choose(self, field, text):
        select.Select(self.browser.find(f'[name={field}]')[0]
                      ).select_by_visible_text(text)

    def test_pages(self):
        self.assertEqual(20, len(self.rows()))
        first = self.rows()[0]
        self.press('Next page')
        self.assertEqual(20, len(self.rows()))
        self.assertIn('Page 2 of ', self.text())
        self.press('Previous page')
        self.assertEqual(first, self.rows()[0])

    def test_search(self):
        self.browser.find('[name=words]')[0].send_keys('free space image')
        self.press('Filter')
        self.assertNotEqual([], self.rows())
        for row in self.rows():
            for word in ('free', 'space', 'image'):
                self.assertIn(word, row.lower())
        self.press('Clear filters')
        self.choose('prefix', 'Shared file systems')
        self.choose('advice', 'Ask your operator')
        self.press('Filter')
        self.assertNotEqual([], self.rows())
        for row in self.rows():
            self.assertIn('SHARE_', row)
            self.assertIn('Ask your operator.', row)

    def test_event_ids_are_on_one_line(self):
        for size in (browser.DESKTOP, browser.PHONE):
            self.browser.resize(*size)
            self.open(f'{dashboard_case.PERMITTED_MESSAGES}'
                      '?words=volume_volume_001')
            self.assertEqual([1], self.browser.driver.execute_script(_LINES))

    def test_search_without_a_result(self):
        self.browser.find('[name=words]')[0].send_keys('unicorn')
        self.press('Filter')
        self.assertIn('No permitted messages match this search.', self.text())
