# SPDX-License-Identifier: Apache-2.0
import json

from kombu import compression

from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.notifications import notification
from usermsg.tests import base


class TestParseNotification(base.TestCase):

    def setUp(self):
        super().setUp()
        self.body = notification.Notification('x.y', {'a': 'ü'}).body()
        self.text = json.dumps(self.body)

    def test_parse_supports_all_envelopes(self):
        wrapped = {'oslo.version': '2.0', 'oslo.message': self.text}
        for content in (
                self.body, wrapped, {'request': wrapped, 'context': {}},
                {**self.body, '_context_auth_token': 'secret'}):
            text = json.dumps(content)
            for body in (text, text.encode()):
                self.assertEqual(
                    self.body, received_message.parse_notification(body))

    def test_parsed_notification_is_valid_json(self):
        for text in ('NaN', 'Infinity', '-Infinity', '1e999', '"\\udcff"'):
            parsed = received_message.parse_notification(
                self.text.replace('{"a": "\\u00fc"}', f'[{text}]'))
            json.dumps(parsed, allow_nan=False)
            self.assertEqual(1, len(parsed['payload']))

    def test_parse_supports_messages_of_amqp_1_0_senders(self):
        for size in (1, 1000):
            self.body['payload'] = 'x' * size
            self.assertEqual(self.body, received_message.parse_notification(
                envelope.amqp1({'auth_token': 'secret'}, self.body)))
        short = b'\x00\x53\x77\xa1' + bytes([len('{"a": 1}')]) + b'{"a": 1}'
        self.assertIsNone(received_message.parse_notification(short))

    def test_parse_supports_compressed_messages(self):
        for name in ('gzip', 'bzip2', 'lzma'):
            self.assertEqual(self.body, received_message.parse_notification(
                *compression.compress(self.text, name)))

    def test_parse_limits_the_decompressed_size(self):
        for name in ('gzip', 'bzip2', 'lzma'):
            text = self.text + ' ' * received_message.MAX_SIZE
            self.assertIsNone(received_message.parse_notification(
                *compression.compress(text, name)))

    def test_parse_of_other_content_returns_none(self):
        for body in ('', '{', '[]', '1', 'null', '{}', b'\xff',
                     b'\x00\x53\x77', '{"request": 1}', '[' * 100_000,
                     '{"oslo.message": 1}', None, {'a': 'map'}, 7,
                     self.text + ' ' * received_message.MAX_SIZE):
            self.assertIsNone(
                received_message.parse_notification(body), str(body)[:20])
        self.assertIsNone(
            received_message.parse_notification(self.text, 'pigeon'))
