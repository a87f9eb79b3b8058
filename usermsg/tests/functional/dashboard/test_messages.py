# SPDX-License-Identifier: Apache-2.0
"""Project > Messages: reading, filtering, deleting and marking as read."""

import datetime

from selenium.webdriver.support import select

from usermsg.db import models
from usermsg.objects import ids
from usermsg.tests.fixtures import browser
from usermsg.tests.fixtures import dashboard_case
from usermsg.tests.fixtures import example_messages


def _ago(**delta):
    """Return a clock that is late; see ``record``."""
    time = (datetime.datetime.now(datetime.timezone.utc) -
            datetime.timedelta(**delta))
    return lambda: time


class MessagesTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.sign_in()

    def list_ids(self):
        """Return the ids of the messages that the page shows."""
        return [element.get_attribute('value') for element in
                self.browser.find('.usermsg-table tbody input[name=message]')]

    def delete_first(self):
        """Press the button "Delete" in the first row."""
        self.browser.follow(
            self.browser.find('tbody tr:first-child button')[0])

    def stored_ids(self):
        """Return the ids of the messages that the service has."""
        token = self.cloud.identity.token(self.user, self.project)
        _, content = self.cloud.service.request('/v3/messages', token)
        return [message['id'] for message in content['messages']]

    def test_no_messages(self):
        self.open(dashboard_case.MESSAGES)
        self.assertIn('There are no messages.', self.text())
        self.assertEqual([], self.rows())

    def test_messages_with_remedies_newest_first(self):
        messages = example_messages.record(self.cloud, self.project)
        self.open(dashboard_case.MESSAGES)
        rows = self.rows()
        self.assertEqual(len(messages), len(rows))
        for message, row in zip(reversed(messages), rows):
            self.assertIn(message.resource_uuid, row)
        self.assertIn('Error', rows[0])
        self.assertIn('schedule allocate volume: No storage system can '
                      'fulfill this request.', rows[0])
        self.assertIn('Request a smaller size, another volume type', rows[0])
        self.assertIn('2 minutes ago', rows[0])
        [time] = self.browser.find('tbody tr:first-child time')
        self.assertEqual(
            messages[-1].created_at,
            datetime.datetime.fromisoformat(time.get_attribute('datetime')))
        self.assertIn(f'{messages[-1].created_at:%Y-%m-%d %H:%M:%S}',
                      time.get_attribute('title'))

    def test_unread_messages_until_they_are_marked(self):
        self.record(now=_ago(minutes=1))
        self.open(dashboard_case.MESSAGES)
        self.assertEqual(1, len(self.browser.find('.usermsg-unread')))
        [link] = self.browser.find('.usermsg-unread td a')
        self.assertGreaterEqual(int(link.value_of_css_property('font-weight')),
                                600)
        self.press('Mark all as read')
        self.assertEqual(['All messages are marked as read.'], self.notices())
        self.assertEqual([], self.browser.find('.usermsg-unread'))
        self.assertEqual(1, len(self.rows()))
        self.record()
        self.open(dashboard_case.MESSAGES)
        self.assertEqual(1, len(self.browser.find('.usermsg-unread')))

    def test_deletion_of_one_message(self):
        kept, deleted = self.record(), self.record()
        self.open(dashboard_case.MESSAGES)
        self.delete_first()
        self.assertIn('Delete 1 message?', self.text())
        self.assertIn(dashboard_case.TEXT, self.text())
        self.press('Cancel')
        self.assertEqual([deleted.id, kept.id], self.list_ids())
        self.delete_first()
        self.press('Delete')
        self.assertEqual(['1 message was deleted.'], self.notices())
        self.assertEqual([kept.id], self.list_ids())
        self.assertEqual([kept.id], self.stored_ids())

    def test_deletion_of_several_messages(self):
        kept, *_ = [self.record() for _ in range(4)]
        self.open(dashboard_case.MESSAGES)
        self.browser.find('[data-usermsg-select-all]')[0].click()
        boxes = self.browser.find('tbody input[name=message]')
        self.assertEqual([True] * 4, [box.is_selected() for box in boxes])
        boxes[-1].click()
        self.check_header_box(checked=False, indeterminate=True)
        boxes[-1].click()
        self.check_header_box(checked=True, indeterminate=False)
        boxes[-1].click()
        self.press('Delete selected messages')
        self.assertIn('Delete 3 messages?', self.text())
        self.press('Delete')
        self.assertEqual(['3 messages were deleted.'], self.notices())
        self.assertEqual([kept.id], self.stored_ids())

    def test_selection_on_a_phone(self):
        self.browser.resize(*browser.PHONE)
        self.record()
        self.record()
        self.open(dashboard_case.MESSAGES)
        [label] = self.browser.find('.usermsg-select-all label')
        self.assertEqual('Select all messages', label.text)
        label.click()
        self.check_header_box(checked=True, indeterminate=False)
        self.assertEqual([True] * 2, [
            box.is_selected() for box in
            self.browser.find('tbody input[name=message]')])

    def check_header_box(self, **properties):
        [box] = self.browser.find('[data-usermsg-select-all]')
        self.assertEqual(properties, {
            name: box.get_property(name) for name in properties})

    def test_deletion_of_a_message_that_is_deleted_meanwhile(self):
        message = self.record()
        self.open(dashboard_case.MESSAGES)
        self.delete_first()
        self.cloud.service.request(
            f'/v3/messages/{message.id}', method='DELETE',
            token=self.cloud.identity.token(self.user, self.project))
        self.press('Delete')
        self.assertEqual(['1 message no longer existed.'], self.notices())
        self.assertEqual([], self.rows())

    def test_filters(self):
        messages = example_messages.record(self.cloud, self.project)
        volume = [message for message in messages
                  if message.resource_uuid == messages[-2].resource_uuid]
        self.open(dashboard_case.MESSAGES)
        self.choose('level', 'Warning')
        self.press('Filter')
        self.assertEqual(
            [message.id for message in reversed(messages)
             if message.message_level == 'WARN'], self.list_ids())
        self.press('Clear filters')
        self.choose('resource_type', 'Volume')
        self.fill('resource_id', volume[0].resource_uuid)
        self.press('Filter')
        self.assertEqual([message.id for message in reversed(volume)],
                         self.list_ids())
        self.assertEqual(
            volume[0].resource_uuid,
            self.browser.find('[name=resource_id]')[0].get_attribute('value'))
        # The last of the two is later.
        self.open(f'{dashboard_case.MESSAGES}?since='
                  f'{volume[1].created_at:%Y-%m-%dT%H:%M:%S}')
        self.assertEqual([messages[-1].id, messages[-2].id], self.list_ids())
        self.open(f'{dashboard_case.MESSAGES}?request_id=req-none')
        self.assertIn('No messages match these filters.', self.text())

    def test_pages_of_ten_thousand_messages(self):
        stored = self.fill_project(10_000)
        self.open(dashboard_case.MESSAGES)
        self.assertEqual(stored[:20], self.list_ids())
        self.assertEqual([], self.browser.find('a[rel=prev]'))
        self.press('Older messages')
        self.assertEqual(stored[20:40], self.list_ids())
        self.press('Older messages')
        self.press('Newer messages')
        self.assertEqual(stored[20:40], self.list_ids())
        self.press('Newer messages')
        self.assertEqual(stored[:20], self.list_ids())
        # Deep in the list, and its end.
        self.open(f'{dashboard_case.MESSAGES}?marker={stored[9979]}')
        self.assertEqual(stored[9980:], self.list_ids())
        self.assertEqual([], self.browser.find('a[rel=next]'))
        self.press('Newer messages')
        self.assertEqual(stored[9960:9980], self.list_ids())

    def test_deletion_of_the_last_page(self):
        stored = self.fill_project(21)
        self.open(dashboard_case.MESSAGES)
        self.press('Older messages')
        self.delete_first()
        self.press('Delete')
        self.assertEqual(['1 message was deleted.'], self.notices())
        self.assertEqual(stored[:20], self.list_ids())

    def fill_project(self, number):
        """Store many messages; return their ids, newest first."""
        project_id = self.cloud.identity.project(self.project)
        now = datetime.datetime.now(datetime.timezone.utc)
        rows = []
        for second in range(1, number + 1):
            time = now - datetime.timedelta(seconds=60 + second)
            created_at = time.replace(tzinfo=None)
            rows.append({
                'id': ids.mint(time), 'prefix': 'VOLUME',
                'project_id': project_id, 'resource_type': 'VOLUME',
                'resource_uuid': f'volume-{second}',
                'event_id': 'VOLUME_VOLUME_001_003', 'action_id': '001',
                'detail_id': '003', 'message_level': 'ERROR',
                'created_at': created_at,
                'expires_at': created_at + datetime.timedelta(days=30)})
        with self.cloud.service.runtime.db.engine().begin() as connection:
            connection.execute(models.messages.insert(), rows)
        return [row['id'] for row in rows]

    def choose(self, field, text):
        select.Select(self.browser.find(f'[name={field}]')[0]
                      ).select_by_visible_text(text)

    def fill(self, field, text):
        self.browser.find(f'[name={field}]')[0].send_keys(text)


class RolesTest(dashboard_case.TestCase):

    def test_reader_has_no_deletion_anywhere(self):
        message = self.record(now=_ago(minutes=1))
        self.sign_in('reader')
        for path in (dashboard_case.MESSAGES,
                     f'{dashboard_case.MESSAGES}{message.id}/'):
            self.open(path)
            self.assertIn(dashboard_case.TEXT, self.text())
            self.assertNotIn('Delete', self.text())
            self.assertEqual([], self.browser.find(
                'form[action*=delete], input[type=checkbox]'))
        response = self.send(f'{dashboard_case.MESSAGES}delete/',
                             message=message.id, confirmed='yes')
        self.assertNotEqual(200, response.status_code)
        # The read mark is the reader's own.
        self.open(dashboard_case.MESSAGES)
        self.press('Mark all as read')
        self.assertEqual(['All messages are marked as read.'], self.notices())
        self.assertIn(dashboard_case.TEXT, self.text())

    def test_member_of_another_project_sees_nothing(self):
        message = self.record(resource_uuid='volume-of-red')
        self.sign_in(project=self.make_name('blue'))
        self.open(dashboard_case.MESSAGES)
        self.assertIn('There are no messages.', self.text())
        self.open(f'{dashboard_case.MESSAGES}?resource_id=volume-of-red')
        self.assertIn('No messages match these filters.', self.text())
        for path in ('', 'resource/'):
            self.open(f'{dashboard_case.MESSAGES}{message.id}/{path}')
            self.assertEqual(['This message no longer exists.'],
                             self.notices())
            self.assertNotIn('volume-of-red', self.text())
        self.send(f'{dashboard_case.MESSAGES}delete/', message=message.id,
                  confirmed='yes')
        self.sign_in('reader')
        self.open(dashboard_case.MESSAGES)
        self.assertIn('volume-of-red', self.text())

    def test_user_without_a_role_for_messages(self):
        self.sign_in('auditor')
        for path in (dashboard_case.MESSAGES,
                     dashboard_case.PERMITTED_MESSAGES,
                     dashboard_case.ALL_MESSAGES):
            response = self.send(path)
            self.assertNotIn(dashboard_case.TEXT, response.text)
            self.assertNotIn('Server error', response.text)
