# SPDX-License-Identifier: Apache-2.0
"""Invalid input from the address bar, which a text on the page explains."""

import html

from usermsg.tests.fixtures import dashboard_case

#: Query of a list of messages -> part of the text about it, if there must be
#: one.
_LISTS = {
    'robot=1': 'There is no filter "robot".',
    'level=LOUD': 'There is no such level.',
    'resource_type=%3B': 'There is no such resource type.',
    'resource_id=' + 'x' * 256: '255',
    'resource_id=%00': 'Null characters are not allowed.',
    'resource_id=%F0%9F%A4%96': '',
    'since=yesterday': 'Enter a date and a time',
    'since=9999-99-99': 'Enter a date and a time',
    'before=0001-01-01T00:00': '',
    'since=2026-11-30&before=2026-11-29': 'not after the other',
    'marker=1': 'no valid position',
    'prev_marker=%FF': 'no valid position',
    'marker=01a20023-4e6b-74b8-8e8c-e1c6aa724b8f&'
    'prev_marker=01a20023-4e6b-74b8-8e8c-e1c6aa724b8f': 'two positions',
}

#: The same for the permitted messages.
_DEFINITIONS = {
    'robot=1': 'There is no filter "robot".',
    'prefix=ROBOT': 'no messages of this service',
    'advice=none': 'There is no such advice.',
    'page=0': 'There is no such page.',
    'page=x': 'There is no such page.',
    'words=' + 'x' * 256: '255',
}


class BadInputTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.message = self.record()
        self.sign_in('admin')

    def check(self, path, text):
        response = self.send(path)
        self.assertEqual(200, response.status_code, path)
        self.assertIn('<h1>', response.text, path)
        if text:
            self.assertIn('role="alert"', response.text, path)
            self.assertIn(text, html.unescape(response.text), path)

    def test_address_of_a_list(self):
        for path in (dashboard_case.MESSAGES, dashboard_case.ALL_MESSAGES):
            for query, text in _LISTS.items():
                self.check(f'{path}?{query}', text)

    def test_address_of_permitted_messages(self):
        for query, text in _DEFINITIONS.items():
            self.check(f'{dashboard_case.PERMITTED_MESSAGES}?{query}', text)

    def test_address_of_a_message(self):
        for identity in ('1', '%00', '..%3Fa', '%F0%9F%A4%96',
                         '6c430ede-9476-4128-8838-8d3929ced223', 'x' * 3000):
            for path in (dashboard_case.MESSAGES, dashboard_case.ALL_MESSAGES):
                for view in ('', 'resource/'):
                    response = self.send(f'{path}{identity}/{view}')
                    self.assertEqual(200, response.status_code, identity)
                    self.assertIn('This message no longer exists.',
                                  response.text)

    def test_position_that_is_no_message(self):
        self.open(f'{dashboard_case.MESSAGES}'
                  '?marker=00000000-0000-0000-0000-000000000000')
        self.assertEqual([], self.alerts())
        # No message follows this position, so it is the first page.
        [row] = self.rows()
        self.assertIn(dashboard_case.TEXT, row)
        self.assertNotIn('marker', self.browser.driver.current_url)

    def test_explanation_is_beside_the_field(self):
        self.open(f'{dashboard_case.MESSAGES}?since=yesterday')
        [error] = self.browser.find('#usermsg-since_error')
        self.assertIn('Enter a date and a time', error.text)
        self.press('Clear filters')
        self.assertIn(dashboard_case.TEXT, self.text())

    def test_forms_with_invalid_values(self):
        for path in (f'{dashboard_case.MESSAGES}read-mark/',
                     f'{dashboard_case.MESSAGES}delete/',
                     f'{dashboard_case.ALL_MESSAGES}delete/'):
            for value in ('', '1', '\0', '🤖', 'x' * 3000):
                response = self.send(path, message=value, only=value,
                                     confirmed='yes',
                                     next='https://example.org/')
                self.assertEqual(200, response.status_code, path)
                self.assertTrue(
                    response.url.startswith(self.horizon.url))
