# SPDX-License-Identifier: Apache-2.0
import datetime
import json

from hypothesis import given
from hypothesis import strategies
from oslo_context import context
import proton
import testtools

from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications import errors
from usermsg.notifications import notification

JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() |
    strategies.floats(allow_nan=False, allow_infinity=False) |
    strategies.text(max_size=300),
    lambda children: strategies.lists(children, max_size=4) |
    strategies.dictionaries(strategies.text(), children, max_size=4),
    max_leaves=20)


def decode(data):
    """Return the message as Proton decodes it."""
    message = proton.Message()
    message.decode(data)
    if isinstance(message.body, memoryview):
        message.body = bytes(message.body)
    return message


class EnvelopeTest(testtools.TestCase):

    def encode(self, name, ctxt=None, subject='notifications.info',
               **attributes):
        body = notification.Notification('image.update', {}).body()
        return body, decode(envelope.encode(
            envelope.ENVELOPES[name], ctxt, {**body, **attributes}, subject))

    def test_message_has_header_and_properties(self):
        for name in ('amqp1', 'none'):
            body, message = self.encode(name)
            self.assertTrue(message.durable)
            self.assertEqual(body['message_id'], message.id)
            self.assertEqual('notifications.info', message.subject)
            self.assertEqual('application/json', message.content_type)
            self.assertIsNone(message.address)

    def test_amqp1_envelope_has_the_format_of_the_former_driver(self):
        body, message = self.encode('amqp1', {'project_id': 'p'})
        self.assertIsInstance(message.body, str)
        content = json.loads(message.body)
        self.assertEqual({'request', 'context'}, set(content))
        self.assertEqual({'project_id': 'p'}, content['context'])
        self.assertEqual({'oslo.version', 'oslo.message'},
                         set(content['request']))
        self.assertEqual('2.0', content['request']['oslo.version'])
        self.assertEqual(
            body, json.loads(content['request']['oslo.message']))

    def test_envelope_none_contains_only_the_notification(self):
        body, message = self.encode('none', {'project_id': 'p'})
        self.assertIsInstance(message.body, bytes)
        self.assertEqual(body, json.loads(message.body))

    def test_context_is_encoded_without_tokens(self):
        request = context.RequestContext(
            auth_token='secret', service_token='secret', project_id='p')
        for ctxt in (request, request.to_dict()):
            _body, message = self.encode('amqp1', ctxt)
            self.assertNotIn('secret', message.body)
            self.assertEqual(
                'p', json.loads(message.body)['context']['project_id'])

    def test_missing_context_is_encoded_as_an_empty_dict(self):
        for ctxt in (None, {}, object()):
            _body, message = self.encode('amqp1', ctxt)
            self.assertEqual({}, json.loads(message.body)['context'])

    def test_datetime_is_encoded_as_by_oslo_messaging(self):
        moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
        _body, message = self.encode('none', payload={'at': moment})
        self.assertEqual('2026-01-02T03:04:05.000000',
                         json.loads(message.body)['payload']['at'])

    def test_payload_invalid_in_json_is_rejected_without_its_content(self):
        circle = ['secret']
        circle.append(circle)
        deep = []
        for _ in range(100_000):
            deep = [deep]
        for payload in (float('nan'), circle, deep, {b'secret': 1}):
            error = self.assertRaises(
                errors.Rejected, self.encode, 'amqp1', payload=payload)
            self.assertNotIn('secret', str(error))

    @given(payload=JSON, subject=strategies.text(max_size=300))
    def test_arbitrary_payload_and_subject_are_decoded_unchanged(
            self, payload, subject):
        for name in ('amqp1', 'none'):
            _body, message = self.encode(
                name, subject=subject, payload=payload)
            content = json.loads(message.body)
            if name == 'amqp1':
                content = json.loads(content['request']['oslo.message'])
            self.assertEqual(payload, content['payload'])
            self.assertEqual(subject.split('\0')[0], message.subject)

    def test_lengths_at_the_limits_of_the_encodings(self):
        for length in (0, 1, 255, 256, 70_000):
            text = 'x' * length
            _body, message = self.encode(
                'none', payload=text, message_id=text)
            self.assertEqual(text, json.loads(message.body)['payload'])
            self.assertEqual(text, message.id)
