# SPDX-License-Identifier: Apache-2.0
from usermsg import config
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.outbox import relay_drivers
from usermsg.tests import base


class RelayDriversTest(base.TestCase):

    def conf(self, **groups):
        return config.load_config(
            ['--config-file', self.config_file(**groups)])

    def test_a_relay_waits_no_longer_than_its_lease_allows(self):
        for driver, group, name in (
                ('rabbit', 'oslo_messaging_rabbit_notify', 'timeout'),
                ('qpid', 'oslo_messaging_qpid', 'delivery_timeout')):
            notifications = {'driver': driver,
                             'transport_url': 'rabbit://127.0.0.1:1/'}
            self.assertEqual(
                f'[{group}] {name}: 20.5 seconds are too many for '
                f'usermsg-worker, which can wait for a third of [relay] '
                f'lease at most: 20 seconds.',
                str(self.assertRaises(
                    exception.ConfigurationError, relay_drivers.load,
                    self.conf(**{
                        'oslo_messaging_notifications': notifications,
                        group: {name: 20.5}}))))
            relay_drivers.check(self.conf(**{
                'oslo_messaging_notifications': notifications,
                group: {name: 20.5}, 'relay': {'lease': 62}}))
            # Without a relay there is no lease.
            loader.close(loader.load(self.conf(**{
                'oslo_messaging_notifications': notifications,
                group: {name: 3600}})))
