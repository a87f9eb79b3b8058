# SPDX-License-Identifier: Apache-2.0
"""Tests that send through the strategy ``rabbit``."""

import logging
import threading
import time

import fixtures
from oslo_config import cfg
import oslo_messaging

from usermsg.notifications.drivers.rabbit import driver as rabbit
from usermsg.notifications import notification
from usermsg.tests import base

#: What stands in every payload, and may stand nowhere else.
MARKER = 'd8c1f0-payload'
QUEUE = 'notifications.info'

_RABBIT = 'oslo_messaging_rabbit'
_OURS = 'oslo_messaging_rabbit_notify'


class TestCase(base.TestCase):
    """No test of it may leave a payload or a password in any log."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.secrets = [MARKER]
        self.addCleanup(self._look_into_the_log)

    def _look_into_the_log(self):
        for secret in self.secrets:
            self.assertNotIn(secret, self.log.output)

    def conf(self, timeout=20, **options):
        """Of a service that isn't usermsg.

        :param options: of ``[oslo_messaging_rabbit]``
        """
        options.setdefault('amqp_durable_queues', 'true')
        path = self.write(f'service-{len(list(self.home.iterdir()))}.conf', (
            f'[{_OURS}]\ntimeout = {timeout}\n[{_RABBIT}]\n' + ''.join(
                f'{key} = {value}\n' for key, value in options.items())))
        conf = cfg.ConfigOpts()
        conf(['--config-file', path], project='service')
        return conf

    def transport(self, url, conf=None):
        transport = oslo_messaging.get_notification_transport(
            conf or self.conf(), url)
        self.addCleanup(transport.cleanup)
        return transport

    def driver(self, url, topics=('notifications',), **options):
        """See :meth:`conf`."""
        conf = self.conf(**options)
        driver = rabbit.RabbitDriver(conf, topics=list(topics),
                                     transport=self.transport(url, conf))
        self.addCleanup(driver.close)
        return driver

    def notification(self, **fields):
        return notification.Notification(**{
            'event_type': 'image.upload', 'payload': {'name': MARKER},
            **fields})

    def send(self, driver, sent, within=60):
        """Send a notification; the error, None if there is none.

        :param within: seconds, far more than it may take: one that never
            returned would otherwise stop all tests
        """
        found = []

        def notify():
            try:
                driver.notify({}, sent.body(), sent.priority, -1)
                found.append(None)
            except Exception as error:
                found.append(error)

        thread = threading.Thread(target=notify, daemon=True)
        thread.start()
        thread.join(within)
        self.assertNotEqual([], found, 'it did not return')
        return found[0]

    def delivered(self, driver, sent):
        """Send it, and again until it is confirmed."""
        deadline = time.monotonic() + 60
        while (error := self.send(driver, sent)) is not None:
            self.assertLess(time.monotonic(), deadline, error)
            time.sleep(0.1)
