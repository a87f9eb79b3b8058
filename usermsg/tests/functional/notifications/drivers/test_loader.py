# SPDX-License-Identifier: Apache-2.0
"""Tests of processes that refuse to start on an unusable driver."""

import os
import sys

from usermsg import config
from usermsg.tests import base
from usermsg.tests.fixtures import standalone

PASSWORD = 'hunter2'

_PROCESSES = (
    ('usermsg-api', ['-m', 'usermsg.cmd.api']),
    ('usermsg-worker', ['-m', 'usermsg.cmd.worker']),
    ('usermsg', ['-c', 'import usermsg.wsgi.api']),
)


class TestStarting(base.TestCase):

    def refusals(self, options, path=(), processes=_PROCESSES):
        """Iterate over the errors of processes that fail to start."""
        file = self.config_file(
            api={'auth_strategy': 'noauth', 'port': 0,
                 **base.EXPOSED},
            oslo_messaging_notifications=options)
        for name, command in processes:
            status, output = standalone.fail_to_start(
                [sys.executable, *command],
                {**os.environ, config.CONFIG_FILES_VARIABLE: file,
                 'PYTHONPATH': os.pathsep.join(
                     [*path, *filter(None, sys.path)])})
            self.assertEqual(1, status, output)
            self.assertNotIn('Traceback', output)
            self.assertNotIn(PASSWORD, output)
            last = output.splitlines()[-1]
            start = f'{name} cannot start: '
            self.assertTrue(last.startswith(start), output)
            yield last.removeprefix(start)

    def test_unknown_driver_is_named(self):
        for reason in self.refusals({'driver': 'pigeon'}):
            self.assertEqual('[oslo_messaging_notifications] driver: there '
                             'is no driver "pigeon".', reason)

    def install_plugin(self):
        """Install an entry point "pigeon", but not its module."""
        self.write('plug/plug-1.dist-info/METADATA',
                   'Metadata-Version: 2.1\nName: plug\nVersion: 1\n')
        self.write('plug/plug-1.dist-info/entry_points.txt',
                   '[oslo.messaging.notify.drivers]\n'
                   'pigeon = pigeons:Driver\n')

    def test_exception_of_a_driver_is_reported_without_its_text(self):
        self.install_plugin()
        self.write('plug/pigeons.py', (
            'def Driver(conf, topics, transport):\n'
            '    raise RuntimeError('
            'conf.oslo_messaging_notifications.transport_url)\n'))
        for reason in self.refusals(
                {'driver': 'pigeon',
                 'transport_url': f'rabbit://usermsg:{PASSWORD}@mq/'},
                [str(self.home / 'plug')], _PROCESSES[:1]):
            self.assertRegex(reason, '"pigeon" cannot be loaded: RuntimeError '
                                     r'at .*/pigeons\.py:2\.$')

    def test_missing_module_of_a_driver_is_named(self):
        self.install_plugin()
        for reason in self.refusals({'driver': 'pigeon'},
                                    [str(self.home / 'plug')]):
            self.assertEqual(
                '[oslo_messaging_notifications] driver: the driver "pigeon" '
                'cannot be loaded: the module "pigeons" cannot be imported.',
                reason)

    def test_driver_with_unsuitable_transport_is_named(self):
        for reason in self.refusals({
                'driver': 'rabbit',
                'transport_url': f'fake://usermsg:{PASSWORD}@mq/'},
                processes=_PROCESSES[:1]):
            self.assertIn('"rabbit"', reason)
            self.assertIn('fake://', reason)

    def test_unescaped_password_in_transport_url_is_not_repeated(self):
        for reason in self.refusals({
                'driver': 'rabbit',
                'transport_url': f'rabbit://usermsg:{PASSWORD}/x@mq/'}):
            self.assertIn(
                '[oslo_messaging_notifications] transport_url: ', reason)
            self.assertIn('%2F', reason)

    def test_unknown_transport_is_named_without_the_password(self):
        for reason in self.refusals({
                'driver': 'rabbit',
                'transport_url': f'pigeon://usermsg:{PASSWORD}@mq/'},
                processes=_PROCESSES[1:2]):
            self.assertIn(
                '[oslo_messaging_notifications] transport_url: ', reason)

    def test_missing_proton_package_is_named(self):
        self.write('hidden/proton/__init__.py',
                   'raise ImportError("hidden", name="proton")\n')
        for reason in self.refusals({'driver': 'qpid'},
                                    [str(self.home / 'hidden')]):
            self.assertIn('python-qpid-proton', reason)
            self.assertIn('usermsg[qpid]', reason)
