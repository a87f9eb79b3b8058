# SPDX-License-Identifier: Apache-2.0
import os
import re

from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests.fixtures import rabbit_options

#: Nobody listens there.
_PORTS = range(1, 7)
_HOSTS = ','.join(f'127.0.0.1:{port}' for port in _PORTS)


class TestHosts(rabbit_options.TestCase):

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
