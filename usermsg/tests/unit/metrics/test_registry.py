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


def read_samples(registry):
    """Return (name, *labels) -> value, of metrics as they are served."""
    text = prometheus_client.generate_latest(registry).decode()
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples}


class MetricsTest(base.TestCase):

    def count(self, metrics):
        metrics.recorded.inc(2, ('VOLUME', 'ERROR'))
        metrics.recorded.inc(1, ('IMAGE', 'INFO'))
        for seconds in (.001, .002, 99):
            metrics.request_seconds.observe(seconds, ('GET', '/'))

    def assert_counted(self, metrics):
        values = read_samples(metrics.registry)
        name = 'usermsg_messages_recorded_total'
        self.assertEqual(
            2, values[name, ('level', 'ERROR'), ('prefix', 'VOLUME')])
        self.assertEqual(
            1, values[name, ('level', 'INFO'), ('prefix', 'IMAGE')])
        name = 'usermsg_http_request_duration_seconds'
        labels = (('method', 'GET'), ('route', '/'))
        for bound, expected in (('0.001', 1), ('0.0025', 2), ('10.0', 2),
                                ('+Inf', 3)):
            self.assertEqual(
                expected, values[f'{name}_bucket', ('le', bound), *labels])
        self.assertEqual(3, values[f'{name}_count', *labels])
        self.assertAlmostEqual(99.003, values[f'{name}_sum', *labels])
        self.assertEqual(0, values['usermsg_unknown_events_total',])

    def test_counted_values_are_served(self):
        metrics = registry.Metrics()
        self.count(metrics)
        self.assert_counted(metrics)

    def test_counters_without_labels_begin_with_zero(self):
        metrics = registry.Metrics()
        expected = {(f'usermsg_{name}_total',): 0 for name in (
            'listener_dead_letters_dropped',
            'listener_dead_letters_expired', 'listener_observations_expired',
            'listener_resource_states_expired', 'messages_evicted',
            'messages_expired', 'read_marks_expired', 'rows_forgotten',
            'source_keys_expired', 'unknown_events')}
        self.assertEqual(expected, read_samples(metrics.registry))
        metrics.unknown_events.inc()
        expected['usermsg_unknown_events_total',] = 1
        self.assertEqual(expected, read_samples(metrics.registry))

    def test_global_registry_stays_empty(self):
        self.count(registry.Metrics())
        self.assertNotIn(b'usermsg', prometheus_client.generate_latest())


class SharedMetricsTest(MetricsTest):

    def setUp(self):
        super().setUp()
        self.directory = self.home / 'metrics'
        self.directory.mkdir()
        self.set_directory(self.directory)

    def set_directory(self, path):
        self.useFixture(fixtures.EnvironmentVariable(
            registry.SHARED_DIRECTORY_VARIABLE, str(path)))

    def test_shared_values_are_served(self):
        metrics = registry.Metrics(shared=True)
        self.count(metrics)
        self.assert_counted(metrics)

    def test_shared_values_of_two_runtimes_add_up(self):
        first = registry.Metrics(shared=True)
        second = registry.Metrics(shared=True)
        first.recorded.inc(1, ('VOLUME', 'ERROR'))
        self.count(second)
        first.recorded.inc(-1, ('VOLUME', 'ERROR'))
        self.assert_counted(first)
        self.assert_counted(second)

    def test_unshared_metrics_write_no_files(self):
        self.count(registry.Metrics())
        self.assertEqual([], list(self.directory.iterdir()))

    def prepare(self, multiprocess=True, **options):
        service.prepare(
            ['--config-file', self.config_file(
                metrics=options, DEFAULT={'use_stderr': 'false'})],
            multiprocess=multiprocess)

    def test_service_without_path_writes_no_files(self):
        self.prepare()
        self.prepare(port=9798, worker_port=9799)
        self.assertEqual([], list(self.directory.iterdir()))

    def test_service_of_one_process_writes_no_files(self):
        self.prepare(multiprocess=False, path='/metrics', port=9798)
        self.assertEqual([], list(self.directory.iterdir()))

    def test_service_with_path_writes_files(self):
        self.prepare(path='/metrics')
        self.assertNotEqual([], list(self.directory.iterdir()))

    def test_invalid_directory_is_named(self):
        for path in (self.home / 'missing', self.write('file', '')):
            self.set_directory(path)
            error = self.assertRaises(exception.ConfigurationError,
                                      self.prepare, path='/metrics')
            self.assertIn(registry.SHARED_DIRECTORY_VARIABLE, str(error))
            self.assertIn(str(path), str(error))

    def test_library_writes_no_metrics_of_its_process(self):
        self.runtime()
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, str(self.home / 'usermsg.conf')))
        result = subprocess.run(
            [sys.executable, '-c', LIBRARY], check=True, text=True,
            capture_output=True,
            cwd=base.ROOT)
        self.assertNotIn('usermsg', result.stdout)
        self.assertEqual([], list(self.directory.iterdir()))
