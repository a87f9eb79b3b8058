# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import fixtures
import prometheus_client
from prometheus_client import parser

from usermsg import config
from usermsg import exception
from usermsg.metrics import registry
from usermsg import service
from usermsg.tests import base

LIBRARY = '''
from usermsg import context
from usermsg.message import api
recorder = api.API()
assert recorder.create(context.RequestContext(project_id='p'),
                       'VOLUME_000002')
import prometheus_client
print(prometheus_client.generate_latest().decode())
'''


def shown(registry):
    """Name and labels, as they are served, to value."""
    text = prometheus_client.generate_latest(registry).decode()
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples}


class MetricsTest(base.TestCase):

    def count(self, figures):
        figures.recorded.inc(2, ('VOLUME', 'ERROR'))
        figures.recorded.inc(1, ('IMAGE', 'INFO'))
        for seconds in (.001, .002, 99):
            figures.request_seconds.observe(seconds, ('GET', '/'))

    def assert_counted(self, figures):
        found = shown(figures.registry)
        name = 'usermsg_messages_recorded_total'
        self.assertEqual(
            2, found[name, ('level', 'ERROR'), ('prefix', 'VOLUME')])
        self.assertEqual(
            1, found[name, ('level', 'INFO'), ('prefix', 'IMAGE')])
        name = 'usermsg_http_request_duration_seconds'
        labels = (('method', 'GET'), ('route', '/'))
        for bound, expected in (('0.001', 1), ('0.0025', 2), ('10.0', 2),
                                ('+Inf', 3)):
            self.assertEqual(
                expected, found[f'{name}_bucket', ('le', bound), *labels])
        self.assertEqual(3, found[f'{name}_count', *labels])
        self.assertAlmostEqual(99.003, found[f'{name}_sum', *labels])
        self.assertEqual(0, found['usermsg_unknown_events_total',])

    def test_what_is_counted_is_shown(self):
        figures = registry.Metrics()
        self.count(figures)
        self.assert_counted(figures)

    def test_what_is_not_counted_by_label_begins_with_nought(self):
        figures = registry.Metrics()
        expected = {(f'usermsg_{name}_total',): 0 for name in (
            'unknown_events', 'messages_expired', 'messages_evicted',
            'source_keys_expired')}
        self.assertEqual(expected, shown(figures.registry))
        figures.unknown_events.inc()
        expected['usermsg_unknown_events_total',] = 1
        self.assertEqual(expected, shown(figures.registry))

    def test_the_registry_of_the_process_knows_nothing_of_it(self):
        self.count(registry.Metrics())
        self.assertNotIn(b'usermsg', prometheus_client.generate_latest())


class SharedMetricsTest(MetricsTest):

    def setUp(self):
        super().setUp()
        self.directory = self.home / 'figures'
        self.directory.mkdir()
        self.set_directory(self.directory)

    def set_directory(self, path):
        self.useFixture(fixtures.EnvironmentVariable(
            registry.SHARED_DIRECTORY_VARIABLE, str(path)))

    def test_what_is_shared_is_shown(self):
        figures = registry.Metrics(shared=True)
        self.count(figures)
        self.assert_counted(figures)

    def test_two_that_share_add_up(self):
        first = registry.Metrics(shared=True)
        second = registry.Metrics(shared=True)
        first.recorded.inc(1, ('VOLUME', 'ERROR'))
        self.count(second)
        first.recorded.inc(-1, ('VOLUME', 'ERROR'))
        self.assert_counted(first)
        self.assert_counted(second)

    def test_what_is_not_to_be_shared_is_not(self):
        self.count(registry.Metrics())
        self.assertEqual([], list(self.directory.iterdir()))

    def prepare(self, several=True, **options):
        service.prepare(
            ['--config-file', self.config_file(
                metrics=options, DEFAULT={'use_stderr': 'false'})],
            several=several)

    def test_a_service_that_shows_none_shares_none(self):
        self.prepare()
        self.prepare(port=9798, worker_port=9799)
        self.assertEqual([], list(self.directory.iterdir()))

    def test_a_service_of_one_process_shares_none(self):
        self.prepare(several=False, path='/metrics', port=9798)
        self.assertEqual([], list(self.directory.iterdir()))

    def test_a_service_that_shows_them_shares_them(self):
        self.prepare(path='/metrics')
        self.assertNotEqual([], list(self.directory.iterdir()))

    def test_a_directory_that_is_none_is_named(self):
        for path in (self.home / 'missing', self.write('file', '')):
            self.set_directory(path)
            error = self.assertRaises(exception.ConfigurationError,
                                      self.prepare, path='/metrics')
            self.assertIn(registry.SHARED_DIRECTORY_VARIABLE, str(error))
            self.assertIn(str(path), str(error))

    def test_the_library_leaves_the_figures_of_its_process_alone(self):
        self.runtime()
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, str(self.home / 'usermsg.conf')))
        ended = subprocess.run(
            [sys.executable, '-c', LIBRARY], check=True, text=True,
            capture_output=True,
            cwd=base.ROOT)
        self.assertNotIn('usermsg', ended.stdout)
        self.assertEqual([], list(self.directory.iterdir()))
