# SPDX-License-Identifier: Apache-2.0
import datetime
import json
import math

import hypothesis
from hypothesis import strategies
from kombu import compression

from usermsg.listener import envelope
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.tests import base
from usermsg.tests.fixtures import wire

_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() |
    strategies.floats() | strategies.text(),
    lambda children: strategies.lists(children, max_size=3) |
    strategies.dictionaries(strategies.text(max_size=5), children,
                            max_size=3), max_leaves=10)
_NAMES = (*received_message.ATTRIBUTES, '_context_a', 'oslo.version',
          'oslo.message', 'request', 'context')
_OBJECTS = strategies.dictionaries(
    strategies.sampled_from(_NAMES), _JSON | strategies.builds(
        json.dumps, strategies.dictionaries(
            strategies.sampled_from(_NAMES), _JSON)))
_COMPRESSIONS = strategies.sampled_from((
    None, '', 'application/x-gzip', 'application/x-bz2',
    'application/x-lzma', 'application/data', 7))


def nest(depth):
    """Return the JSON text of nested arrays."""
    return '[' * depth + ']' * depth


class TestParse(base.TestCase):

    def assert_malformed(self, reason, body, compression=None):
        error = self.assertRaises(received_message.Malformed, envelope.parse,
                                  body, compression)
        self.assertIn(reason, str(error))

    def test_parse_returns_all_attributes(self):
        parsed = envelope.parse(wire.body(
            timestamp='2026-11-21 20:09:48.123456', priority='error',
            payload=['ü'], _context_request_id='req-1', _unique_id='x'))
        self.assertEqual(
            (wire.MESSAGE_ID, 'volume.host1', 'volume.create', 'ERROR',
             datetime.datetime(2026, 11, 21, 20, 9, 48, 123456,
                               datetime.timezone.utc), ['ü'],
             {'request_id': 'req-1'}),
            (parsed.message_id, parsed.publisher_id, parsed.event_type,
             parsed.priority, parsed.timestamp, parsed.payload,
             parsed.context))

    def test_parse_supports_all_envelopes(self):
        content = wire.content(_context_user_id='bob')
        wrapped = {'oslo.version': '2.0', 'oslo.message': json.dumps(content)}
        for outer in (content, wrapped, {'request': wrapped, 'context': {
                'user_id': 'eve', 'project_id': 'red'}}):
            parsed = envelope.parse(json.dumps(outer).encode())
            self.assertEqual('bob', parsed.context['user_id'])

    def test_parse_supports_compression(self):
        for name in ('gzip', 'bzip2', 'lzma'):
            parsed = envelope.parse(
                *compression.compress(wire.body(), name))
            self.assertEqual(wire.MESSAGE_ID, parsed.message_id)

    def test_parse_accepts_nan_and_lone_surrogates(self):
        self.assertEqual([None, None, '\udcff'], envelope.parse(wire.body(
            payload=[math.nan, -math.inf, '\udcff'])).payload)

    def test_time_with_zone_is_converted_to_utc(self):
        self.assertEqual(
            datetime.datetime(2026, 1, 31, 10, tzinfo=datetime.timezone.utc),
            envelope.parse(wire.body(
                timestamp='2026-01-31T12:00:00+02:00')).timestamp)

    def test_invalid_attribute_is_malformed(self):
        for name in received_message.ATTRIBUTES:
            content = wire.content()
            del content[name]
            self.assert_malformed(f'no {name}', json.dumps(content))
            if name != 'payload':
                for value in (None, 7, '', [], {}, 'x' * 256, 'ü', 'x\n'):
                    self.assert_malformed(
                        f'Its {name} ', wire.body(**{name: value}))
        for time in ('yesterday', '0001-01-01T00:00:00+23:00', '9' * 5000):
            self.assert_malformed('Its timestamp', wire.body(timestamp=time))

    def test_invalid_envelope_is_malformed(self):
        for reason, body in (
                ('no content', None),
                ('not JSON', b''), ('not JSON', '{'), ('not JSON', b'\xff'),
                ('not JSON', '[' * 100_000), ('not JSON', '9' * 5000),
                ('not a JSON object', '[]'), ('not a JSON object', 'null'),
                ('not a JSON object', '{"request": 1}'),
                ('not a JSON object',
                 '{"oslo.version": "2.0", "oslo.message": "7"}'),
                ('no text', '{"oslo.version": "2.0", "oslo.message": 1}'),
                ('version', '{"oslo.message": "{}"}'),
                ('version', '{"oslo.version": "3.0", "oslo.message": "{}"}'),
                ('value of AMQP 1.0', b'\x00\x53\x77'),
                ('value of AMQP 1.0', b'\x00\x53\x77\x40{}')):
            self.assert_malformed(reason, body)
        self.assert_malformed('not supported', wire.body(), 'pigeon')
        self.assert_malformed('not supported', wire.body(), {})
        self.assert_malformed('decompressed', wire.body(),
                              'application/x-gzip')

    def test_content_in_utf_16_is_parsed_or_malformed(self):
        text = wire.body().decode()
        self.assertEqual(wire.MESSAGE_ID, envelope.parse(
            text.encode('utf-16')).message_id)
        self.assert_malformed('not JSON', text.replace(
            'volume', 'ü').encode('latin-1'))

    def test_size_is_limited(self):
        text = wire.body().decode()
        padding = ' ' * envelope.MAX_SIZE
        self.assert_malformed('longer than', text + padding)
        self.assert_malformed(
            'longer than', *compression.compress(text + padding, 'gzip'))

    def test_depth_is_limited(self):
        for depth in (98, 99, 100, 900, 2000, 50_000):
            # As a string, because json.dumps() has a limit of its own.
            body = wire.body(payload='#').replace(
                b'\\"#\\"', nest(depth).encode())
            if depth < 100:
                envelope.parse(body)
            else:
                self.assertRaises(received_message.Malformed, envelope.parse,
                                  body)

    @hypothesis.given(strategies.binary() | strategies.text(), _COMPRESSIONS)
    def test_any_body_is_parsed_or_malformed(self, body, compression):
        self.assert_parsed_or_malformed(body, compression)

    @hypothesis.given(_OBJECTS)
    def test_any_object_is_parsed_or_malformed(self, content):
        self.assert_parsed_or_malformed(json.dumps(content))

    @hypothesis.given(strategies.fixed_dictionaries({}, optional={
        name: _JSON for name in received_message.ATTRIBUTES}))
    def test_any_attribute_is_parsed_or_malformed(self, attributes):
        self.assert_parsed_or_malformed(wire.body(**attributes))

    @hypothesis.given(strategies.text())
    def test_any_timestamp_is_parsed_or_malformed(self, timestamp):
        self.assert_parsed_or_malformed(wire.body(timestamp=timestamp))

    def assert_parsed_or_malformed(self, body, compression=None):
        try:
            parsed = envelope.parse(body, compression)
        except received_message.Malformed:
            return
        self.assertEqual(datetime.timedelta(0), parsed.timestamp.utcoffset())
        self.assertLessEqual(len(parsed.event_type), 255)
