# SPDX-License-Identifier: Apache-2.0
import json
import logging

import testtools

from usermsg import context
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers import log
from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications.drivers.rabbit import driver as rabbit
from usermsg.notifications import encoding
from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests import base


SECRET = 'hunter2'


class TestRedactContext(testtools.TestCase):

    def test_redact_context_removes_tokens(self):
        attributes = {'project_id': 'red', 'auth_token': SECRET,
                      'service_token': SECRET}
        for ctxt in (attributes, context.RequestContext(**attributes)):
            redacted = encoding.redact_context(ctxt)
            self.assertEqual('red', redacted['project_id'])
            self.assertNotIn(SECRET, str(redacted))

    def test_redact_context_of_none_is_empty(self):
        self.assertEqual({}, encoding.redact_context(None))


def nested(depth):
    value = []
    for _level in range(depth - 1):
        value = [value]
    return value


class TestDrivers(base.TestCase):
    """The drivers encode the same, and refuse the same."""

    def setUp(self):
        super().setUp()
        self.lines = []
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())
        logger = logging.getLogger(log.LOGGER)
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.logging = log.LoggingDriver(None, ['notifications'], None)
        self.rabbit = self.build_driver()
        self.encoders = {'logging': self.log, 'rabbit': self.build_rabbit,
                         'qpid': self.build_qpid}

    def build_driver(self):
        # Without a connection: the broker is contacted by send() alone.
        runtime = self.runtime(tables=False)
        return rabbit.RabbitDriver(
            runtime.conf, ['notifications'],
            loader.get_transport(runtime.conf))

    def log(self, message):
        self.logging.notify({}, message, 'INFO', 0)
        return json.loads(self.lines[-1])

    def build_rabbit(self, message):
        body = self.rabbit._message({}, message).body
        return json.loads(json.loads(body)['oslo.message'])

    def build_qpid(self, message):
        body = envelope.bare({}, message)
        return json.loads(body[body.index(b'{'):])

    def test_value_is_encoded_the_same_by_all_drivers(self):
        # The object of the notification is one level.
        for payload, expected in (
                ({'a': b'abc'}, {'a': 'abc'}), ((1, 2), [1, 2]),
                ({'a': {'b'}}, {'a': ['b']}), ({1: None}, {'1': None}),
                (nested(encoding.MAX_DEPTH - 1),
                 nested(encoding.MAX_DEPTH - 1)),
                (['[{"\\'] * 200, ['[{"\\'] * 200)):
            for name, encode in self.encoders.items():
                content = encode({'message_id': 'an-id', 'payload': payload})
                self.assertEqual(expected, content['payload'], name)

    def test_value_that_one_driver_refuses_is_refused_by_all(self):
        circle = []
        circle.append(circle)
        for payload in (b'\xff', {'a': [b'\xff']}, float('nan'),
                        [float('-inf')], circle, object(), nested(2000),
                        nested(encoding.MAX_DEPTH)):
            for name, encode in self.encoders.items():
                error = self.assertRaises(
                    errors.Rejected, encode,
                    {'message_id': 'an-id', 'payload': payload})
                self.assertTrue(str(error).startswith(f'{name}: the '), error)
            error = self.assertRaises(
                exception.InvalidInput, notification.Notification,
                'image.upload', payload)
            self.assertEqual('payload', error.field)

    def test_payload_is_that_of_the_creation_of_the_notification(self):
        payload = {'numbers': map(str, [1, 2]), 'names': ['a']}
        sent = notification.Notification('image.upload', payload)
        payload['names'].append('b')
        for _attempt in range(2):
            self.assertEqual({'numbers': ['1', '2'], 'names': ['a']},
                             sent.body()['payload'])

    def test_content_has_no_blanks(self):
        self.assertEqual('{"a":[1,2],"b":"\xe4"}', notification.Notification(
            'image.upload', {'a': [1, 2], 'b': '\xe4'}).content)

    def test_payload_of_a_notification_is_what_drivers_encode(self):
        for payload in ({'a': b'abc'}, (1, 2), {'a': {'b'}}, {1: None},
                        2 ** 70, '\xe4\U0001f4a5\ud800',
                        nested(encoding.MAX_DEPTH - 1)):
            sent = notification.Notification('image.upload', payload)
            for name, encode in self.encoders.items():
                self.assertEqual(json.loads(sent.content),
                                 encode(sent.body())['payload'], name)
