# SPDX-License-Identifier: Apache-2.0
"""Messages that the included rules make of real notifications."""

import datetime
import itertools
import json

from usermsg.listener import decisions
from usermsg.tests import base
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import recorded_notifications as recorded


class TestCaptures(base.TestCase):

    def setUp(self):
        super().setUp()
        self.rules = recorded.load_rules()

    def messages(self, deliveries):
        """Return the messages in the form of ``NAME.yaml``, in any order."""
        made = [decision for delivery in deliveries
                for decision in self.rules.evaluate(
                    delivery.notification, delivery.notification.timestamp)]
        correlated = self.rules.correlations.decide(
            item for item in made if isinstance(item, decisions.Observation))
        failures = {(item.project_id, item.key): item
                    for item in (*made, *correlated.failures)
                    if isinstance(item, decisions.Failure)}
        return sorted(({
            'project_id': item.project_id, 'user_id': item.user_id,
            'resource_type': item.resource_type,
            'resource_uuid': item.resource_uuid,
            'event_id': item.event.event_id, 'message_level': item.level,
            'request_id': item.request_id, 'rule': item.rule}
            for item in failures.values()), key=json.dumps)

    def expected(self, *names, **options):
        return sorted(captures.read_expected(*names, **options),
                      key=json.dumps)

    def test_each_capture_gives_its_expected_messages(self):
        self.assertEqual(27, len(captures.NAMES))
        for name in captures.NAMES:
            self.assertEqual(self.expected(name),
                             self.messages(captures.read(name)), name)

    def test_all_captures_together_give_the_same_messages(self):
        deliveries = captures.read()
        for sequence in (deliveries, deliveries[::-1], 2 * deliveries):
            self.assertEqual(self.expected(), self.messages(sequence))

    def test_projects_at_the_same_time_get_their_own_messages(self):
        deliveries = captures.read()
        copies = [item.rename('copy').move(0.001) for item in deliveries]
        self.assertEqual(
            sorted([*self.expected(), *self.expected(tag='copy')],
                   key=json.dumps),
            self.messages(itertools.chain(*zip(deliveries, copies))))

    def test_image_that_fails_twice_has_two_messages(self):
        for name in ('10-image-upload-store-full',
                     '15-image-upload-store-readonly'):
            first = captures.read(name)[:-1]
            self.assertEqual('image.update',
                             first[-1].notification.event_type)
            second = [item.move(10).repeat('again') for item in first]
            self.assertEqual(2 * self.expected(name),
                             self.messages([*first, *second]))

    def test_changed_copies_differ_in_nothing_else(self):
        for item in captures.read():
            moved, renamed = item.move(1.5), item.rename('copy')
            self.assertEqual(
                datetime.timedelta(seconds=1.5),
                moved.notification.timestamp - item.notification.timestamp)
            self.assertEqual(item, moved.move(-1.5))
            self.assertNotIn(captures.PROJECT, renamed.body)
            self.assertEqual(len(item.body), len(renamed.body))
            repeated = item.repeat('again')
            self.assertNotEqual(item.notification.message_id,
                                repeated.notification.message_id)
            self.assertEqual(item.notification.payload,
                             repeated.notification.payload)
