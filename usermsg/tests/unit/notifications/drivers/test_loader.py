# SPDX-License-Identifier: Apache-2.0
"""Tests of refused driver configurations, and of their errors."""

from usermsg import config
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.tests import base

SECRET = 'S3C'
TRANSPORT_URL_OPTION = '[oslo_messaging_notifications] transport_url: '


class DriversTest(base.TestCase):

    def conf(self, **groups):
        return config.load_config(
            ['--config-file', self.config_file(**groups)])

    def refused(self, load=loader.load, **groups):
        """Return the reason of the refusal."""
        error = self.assertRaises(
            exception.ConfigurationError, load, self.conf(**groups))
        self.assertNotIn(SECRET, str(error))
        self.assertIsNone(error.__cause__)
        self.assertTrue(error.__suppress_context__ or
                        error.__context__ is None)
        return str(error)

    def test_invalid_transport_url_is_refused_without_its_value(self):
        for url in (
                'rabbit://u:S3C/RET@h/', 'rabbit://u:S3C?RET@h/',
                'rabbit://u:S3C#RET@h/', 'rabbit://u:[S3CRET@h/',
                'rabbit://h:S3C', 'rabbit://[::1', 'S3CRET',
                'rabbit://h?ssl=S3C',
                'rabbit://h?rabbit_retry_interval=S3CRET',
                'rabbit://h?rabbit_login_method=S3CRET',
                'rabbit://h?S3CRET=1', 'pigeon://u:S3CRET@h/'):
            for driver in ('rabbit', 'messagingv2', 'logging'):
                reason = self.refused(oslo_messaging_notifications={
                    'driver': driver, 'transport_url': url})
                self.assertTrue(reason.startswith(TRANSPORT_URL_OPTION),
                                (url, reason))
                self.assertIn('/ and @ must be written as %2F and %40', reason)

    def test_routing_driver_is_refused(self):
        reason = self.refused(oslo_messaging_notifications={
            'driver': 'routing'})
        self.assertTrue(reason.startswith(
            '[oslo_messaging_notifications] driver: the driver "routing" '
            'cannot be used'), reason)
        self.assertIn('[notifications] disabled', reason)

    def test_default_transport_url_is_named_if_used(self):
        reason = self.refused(
            DEFAULT={'transport_url': 'rabbit://u:S3C/RET@h/'},
            oslo_messaging_notifications={'driver': 'rabbit'})
        self.assertTrue(reason.startswith('[DEFAULT] transport_url: '), reason)

    def test_missing_module_of_a_transport_is_named(self):
        reason = self.refused(oslo_messaging_notifications={
            'driver': 'messagingv2', 'transport_url': 'kafka://u:S3CRET@h'})
        self.assertEqual(
            f'{TRANSPORT_URL_OPTION}its driver cannot be loaded: the module '
            '"confluent_kafka" cannot be imported.', reason)

    def test_invalid_options_of_rabbit_are_named(self):
        for url, name in (
                ('rabbit://h?ssl=true&ssl_version=S3CRET', 'ssl_version'),
                ('rabbit://h?ssl=true&ssl_ca_file=/nowhere', 'ssl_ca_file'),
                ('rabbit://h?rabbit_ha_queues=true&rabbit_quorum_queue=true',
                 'rabbit_ha_queues')):
            reason = self.refused(oslo_messaging_notifications={
                'driver': 'rabbit', 'transport_url': url})
            self.assertIn(f'[oslo_messaging_rabbit] {name}', reason)
