# SPDX-License-Identifier: Apache-2.0
"""Texts with markup, quotes and emoji, which pages show as they are."""

from usermsg.tests.fixtures import dashboard_case

_TEXT = ('start <b>robot</b>: <script>document.title = "script"</script> '
         '"double" \'single\' &amp; 🤖')
_REMEDY = ('</td></table><img src=x onerror="document.title = \'image\'"> '
           '{{ 1|add:1 }}')
_RESOURCE = '"><script>document.title="id"</script>{{constructor}}'


class MarkupTest(dashboard_case.TestCase):

    def test_markup_is_text(self):
        message = self.record(
            'ACME_ACME_ROBOT_001_002', resource_uuid=_RESOURCE,
            request_id="req-<img src=x onerror=\"document.title='r'\">")
        self.sign_in('admin')
        for path, title in (
                (dashboard_case.MESSAGES, 'Messages'),
                (f'{dashboard_case.MESSAGES}{message.id}/', 'Message'),
                (f'{dashboard_case.ALL_MESSAGES}?project={self.project}',
                 'Messages'),
                (f'{dashboard_case.ALL_MESSAGES}{message.id}/', 'Message')):
            self.open(path)
            text = ' '.join(self.text().split())
            self.assertIn(_TEXT, text)
            self.assertIn(_REMEDY, text)
            self.assertIn(_RESOURCE, text)
            self.check_document(title)

    def test_markup_of_permitted_messages_is_text(self):
        self.sign_in()
        self.open(f'{dashboard_case.PERMITTED_MESSAGES}?prefix=ACME')
        text = ' '.join(self.text().split())
        self.assertIn(_TEXT, text)
        self.assertIn(_REMEDY, text)
        self.check_document('Permitted Messages')

    def test_markup_in_the_address_is_text(self):
        self.sign_in()
        for parameter in ('resource_id', 'resource_type', 'level', 'since',
                          'marker', 'robot'):
            self.open(f'{dashboard_case.MESSAGES}?{parameter}="><script>'
                      "document.title='address'</script>")
            self.check_document('Messages')

    def check_document(self, title):
        self.assertEqual(f'{title} - OpenStack Dashboard',
                         self.browser.driver.title)
        self.assertEqual([], self.browser.driver.find_elements(
            'css selector', '#content_body script, #content_body img'))
