# SPDX-License-Identifier: Apache-2.0
"""Which configurations of drivers are refused, and in which words."""

from usermsg import config
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.tests import base

SECRET = 'S3C'
OWN = '[oslo_messaging_notifications] transport_url: '


class StrategiesTest(base.TestCase):

    def conf(self, **groups):
        return config.load_config(
            ['--config-file', self.config_file(**groups)])

    def refused(self, load=loader.load, **groups):
        """In which words."""
        error = self.assertRaises(
            exception.ConfigurationError, load, self.conf(**groups))
        self.assertNotIn(SECRET, str(error))
        self.assertIsNone(error.__cause__)
        self.assertTrue(error.__suppress_context__ or
                        error.__context__ is None)
        return str(error)

    def test_an_address_that_cannot_be_used_is_not_repeated(self):
        for url in (
                'rabbit://u:S3C/RET@h/', 'rabbit://u:S3C?RET@h/',
                'rabbit://u:S3C#RET@h/', 'rabbit://u:[S3CRET@h/',
                'rabbit://h:S3C', 'rabbit://[::1', 'S3CRET',
                'rabbit://h?ssl=S3C',
                'rabbit://h?rabbit_retry_interval=S3CRET',
                'rabbit://h?rabbit_login_method=S3CRET',
                'rabbit://h?S3CRET=1', 'pigeon://u:S3CRET@h/'):
            for driver in ('rabbit', 'messagingv2', 'logging'):
                words = self.refused(oslo_messaging_notifications={
                    'driver': driver, 'transport_url': url})
                self.assertTrue(words.startswith(OWN), (url, words))
                self.assertIn('a / or @ must be written as %2F or %40', words)

    def test_the_address_of_everything_is_named_where_it_counts(self):
        words = self.refused(
            DEFAULT={'transport_url': 'rabbit://u:S3C/RET@h/'},
            oslo_messaging_notifications={'driver': 'rabbit'})
        self.assertTrue(words.startswith('[DEFAULT] transport_url: '), words)

    def test_the_module_that_a_transport_lacks_is_named(self):
        words = self.refused(oslo_messaging_notifications={
            'driver': 'messagingv2', 'transport_url': 'kafka://u:S3CRET@h'})
        self.assertEqual(
            f'{OWN}its driver cannot be loaded: the module "confluent_kafka" '
            'cannot be imported.', words)

    def test_options_that_rabbit_cannot_use_are_named(self):
        for url, name in (
                ('rabbit://h?ssl=true&ssl_version=S3CRET', 'ssl_version'),
                ('rabbit://h?ssl=true&ssl_ca_file=/nowhere', 'ssl_ca_file'),
                ('rabbit://h?rabbit_ha_queues=true&rabbit_quorum_queue=true',
                 'rabbit_ha_queues')):
            words = self.refused(oslo_messaging_notifications={
                'driver': 'rabbit', 'transport_url': url})
            self.assertIn(f'[oslo_messaging_rabbit] {name}', words)
