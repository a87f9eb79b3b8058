# SPDX-License-Identifier: Apache-2.0
from usermsgclient.osc import read_mark
from usermsgclient.tests import base

_NEWEST = base.message(7)['id']


class TestMarkRead(base.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.summarize(_NEWEST)

    def summarize(self, newest_id):
        self.cloud.get(f'{base.SERVICE}/messages/summary',
                       json={'summary': {'newest_id': newest_id,
                                         'levels': {}}})

    def mark(self, *arguments, result):
        self.cloud.put(f'{base.SERVICE}/messages/read-mark',
                       json={'message': result})
        self.assertEqual('', self.run_command(read_mark.MarkRead, *arguments))
        return self.cloud.last_request.json()

    def test_mark_read_marks_all_messages_by_default(self):
        self.assertEqual({'message': _NEWEST}, self.mark(result=_NEWEST))
        self.assertEqual('', self.log.output)

    def test_mark_read_marks_a_message_and_earlier_ones(self):
        ident = base.message(3)['id']
        self.assertEqual(
            {'message': ident}, self.mark(ident, result=_NEWEST))
        self.assertEqual([('PUT', '/messages/read-mark')],
                         self.sent_requests())
        self.assertEqual('', self.log.output)

    def test_mark_read_warns_about_messages_that_stay_unread(self):
        self.mark(result=base.message(3)['id'])
        self.assertIn('Messages of the last seconds are still unread.',
                      self.log.output)

    def test_mark_read_without_messages_does_nothing(self):
        self.summarize(None)
        self.run_command(read_mark.MarkRead)
        self.assertEqual([('GET', '/messages/summary')],
                         self.sent_requests())

    def test_rejected_mark_is_an_error(self):
        self.cloud.put(f'{base.SERVICE}/messages/read-mark',
                       **base.error_response(
                           400, 'message: must be a UUID.'))
        self.assertIn('message: must be a UUID. (HTTP 400',
                      self.run_failing(read_mark.MarkRead, 'latest'))
