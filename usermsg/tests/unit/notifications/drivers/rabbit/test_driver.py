# SPDX-License-Identifier: Apache-2.0

"""The driver ``rabbit``, as far as no RabbitMQ is needed."""

import os
import re

from oslo_config import cfg
import oslo_messaging

from usermsg import exception
from usermsg.notifications.drivers.rabbit import driver as rabbit
from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests import base

#: Nobody listens there.
_PORTS = range(1, 7)
_HOSTS = ','.join(f'127.0.0.1:{port}' for port in _PORTS)


class TestCase(base.TestCase):

    def driver(self, url='rabbit://127.0.0.1:1/', **options):
        """In a service that isn't usermsg."""
        path = self.write('other.conf', ''.join([
            '[oslo_messaging_rabbit_notify]\n',
            *(f'{name} = {value}\n' for name, value in options.items())]))
        conf = cfg.ConfigOpts()
        conf(['--config-file', path], project='other')
        transport = oslo_messaging.get_notification_transport(conf, url)
        self.addCleanup(transport.cleanup)
        driver = rabbit.RabbitDriver(conf, topics=['notifications'],
                                     transport=transport)
        self.addCleanup(driver.close)
        return driver


class TestOptions(TestCase):

    def test_what_is_wrong_is_named_with_file_and_line(self):
        for name, value in (('timeout', 'soon'), ('timeout', '0'),
                            ('window', 'wide')):
            error = self.assertRaises(
                exception.ConfigurationError, self.driver, **{name: value})
            self.assertTrue(str(error).startswith(
                f'{self.home}/other.conf:2: [oslo_messaging_rabbit_notify] '
                f'{name} is not valid: '), error)
            self.assertNotIn('Locations', str(error))


class TestHosts(TestCase):

    def tried(self, driver):
        """The ports that it tried, in their order."""
        try:
            driver.notify({}, notification.Notification('a.b', {}).body(),
                          'INFO', 0)
        except errors.NotDelivered as error:
            return bytes(map(int, re.findall(r'127\.0\.0\.1:(\d+): ',
                                             str(error))))

    def in_a_fork(self, driver):
        """As :meth:`tried`, in a process of its own."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(writer, self.tried(driver))
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, 'rb') as stream:
            found = stream.read()
        os.waitpid(child, 0)
        return found

    def test_not_all_processes_of_a_service_begin_with_the_same_one(self):
        driver = self.driver(f'rabbit://{_HOSTS}/')
        orders = [self.in_a_fork(driver) for _ in range(12)]
        for order in orders:
            self.assertEqual([*_PORTS], sorted(order))
        self.assertGreater(len({order[0] for order in orders}), 1)
