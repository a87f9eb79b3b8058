# SPDX-License-Identifier: Apache-2.0
import datetime
import re

import yaml

from usermsg.db import models
from usermsg.listener import consumer
from usermsg.listener import frequent_names
from usermsg.listener import metrics
from usermsg.tests import base
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import samples

PAGES = ('listener.rst', 'listener-correlation.rst', 'monitoring.rst')


class TestMetrics(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.registry = self.service.metrics.registry
        self.names = frequent_names.FrequentNames()

    def register(self, **options):
        for collector in (
                consumer.Collector([]), metrics.RowsCollector(
                    self.service.db, **{'timeout': 60, **options}),
                metrics.UnmatchedErrorsCollector(self.names)):
            self.registry.register(collector)

    def values(self):
        return tuple(
            self.registry.get_sample_value(f'usermsg_listener_{name}')
            for name in ('dead_letters', 'observations'))

    def test_rows_are_counted(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        samples.insert(self.service.db, [expiry.dead_letter(now)],
                       models.dead_letters)
        samples.insert(self.service.db, [
            expiry.observation(f'{number}', None) for number in range(3)],
            models.observations)
        self.register()
        self.assertEqual((1, 3), self.values())

    def test_missing_table_returns_no_metrics(self):
        with self.service.db.engine().begin() as connection:
            models.dead_letters.drop(connection)
        self.register(ttl=0)
        self.assertEqual((None, None), self.values())
        models.metadata.create_all(self.service.db.engine())
        self.assertEqual((0, 0), self.values())

    def test_unmatched_errors_have_a_label(self):
        self.register()
        for _repetition in range(2):
            self.names.add('acme.robot.error')
        self.assertEqual(2, self.registry.get_sample_value(
            'usermsg_listener_unmatched_errors',
            {'event_type': 'acme.robot.error'}))

    def test_documented_metrics_are_those_that_exist(self):
        self.register()
        existing = {
            family.name + ('_total' if family.type == 'counter' else '')
            for family in self.registry.collect()
            if family.name.startswith('usermsg_listener_')}
        text = '\n'.join(
            (base.ROOT / 'doc/source/admin' / page).read_text('utf-8')
            for page in PAGES)
        documented = set(re.findall(r'\busermsg_listener_\w+', text))
        self.assertEqual(existing, documented)
        [alerts] = re.findall(
            r'^Alerts for Prometheus:\n\n.*\n((?:(?:   .*)?\n)+)', text, re.M)
        rules = yaml.safe_load(alerts)['groups'][0]['rules']
        self.assertEqual(4, len(rules))
