# SPDX-License-Identifier: Apache-2.0
"""Failures that Nova announces in both formats, on real databases."""

import itertools
import threading
import uuid

from usermsg.db import clock
from usermsg.db import models
from usermsg.listener import assembly
from usermsg.listener import envelope
from usermsg.listener import rule_set
from usermsg.listener import source
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import recorded_notifications
from usermsg.tests.fixtures import samples

#: A failed creation: nova-compute reports the cause, and the conductor that
#: all attempts failed; each unversioned and versioned.
INSTANCE = '567a89f7-64e7-5a73-a6a7-224fe3f5719e'
CAUSE, ATTEMPTS = 'COMPUTE_INSTANCE_001_025', 'COMPUTE_INSTANCE_001_003'

RUNNING = threading.Event()


def read_reports():
    return [line['body'] for line in
            recorded_notifications.read_lines('nova')
            if f'req-{INSTANCE}' in line['body']]


def rename(bodies, name):
    """Return the same notifications about another instance."""
    renamed = []
    for number, body in enumerate(bodies):
        message_id = envelope.parse(body).message_id
        for old in INSTANCE, message_id:
            body = body.replace(
                old, str(uuid.uuid5(uuid.NAMESPACE_OID, f'{name} {old}')))
        renamed.append(body)
    return renamed


class TestCase(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        service = self.runtime(listener={'max_age': 366 * 24 * 3600})
        self.db = service.db
        listener = assembly.Listener(
            service, rule_set.load(service.conf, service.catalogue))
        self.processor = listener.build_processor()
        self.correlator = listener.build_correlator([])

    def receive(self, *bodies):
        for body in bodies:
            self.processor.store(self.processor.prepare([
                source.Received(body, None, 'default', False)]))

    def decide(self):
        """Decide about all observations, as if the delay had passed."""
        self.db.write(lambda connection: connection.execute(
            models.observations.update().values(
                arrived_at=clock.now(self.db.dialect, -15))))
        self.correlator.decide_due(RUNNING)
        self.assertEqual([], samples.stored(self.db, models.observations))

    def test_four_reports_in_any_order_are_one_message(self):
        reports = read_reports()
        self.assertEqual(4, len(reports))
        orders = list(itertools.permutations(range(4)))
        expected = set()
        for number, order in enumerate(orders):
            bodies = rename(reports, number)
            expected.add(envelope.parse(bodies[0]).context['request_id'])
            self.receive(*(bodies[index] for index in order))
        self.decide()
        rows = samples.stored(self.db)
        self.assertEqual(expected, {row['request_id'] for row in rows})
        self.assertEqual(
            {(CAUSE, 'ERROR')},
            {(row['event_id'], row['message_level']) for row in rows})
        self.assertEqual(len(orders), len(rows))
        # Delivered again, after the decision.
        self.receive(*rename(reports, 7))
        self.decide()
        self.assertEqual(rows, samples.stored(self.db))

    def test_report_after_the_decision_changes_nothing(self):
        compute, _versioned, conductor, _versioned = read_reports()
        self.receive(conductor)
        self.decide()
        self.receive(compute)
        self.decide()
        self.assertEqual([(INSTANCE, ATTEMPTS)], [
            (row['resource_uuid'], row['event_id'])
            for row in samples.stored(self.db)])
