# SPDX-License-Identifier: Apache-2.0
import os
import re

from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests.fixtures import rabbit_options

#: Ports without a listener.
_PORTS = range(1, 7)
_HOSTS = ','.join(f'127.0.0.1:{port}' for port in _PORTS)


class TestHosts(rabbit_options.TestCase):

    def tried_ports(self, driver):
        """Return the ports that the driver tried, in order."""
        try:
            driver.notify({}, notification.Notification('a.b', {}).body(),
                          'INFO', 0)
        except errors.NotDelivered as error:
            return bytes(map(int, re.findall(r'127\.0\.0\.1:(\d+): ',
                                             str(error))))

    def tried_ports_in_fork(self, driver):
        """Return :meth:`tried_ports` of a forked process."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(writer, self.tried_ports(driver))
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, 'rb') as stream:
            ports = stream.read()
        os.waitpid(child, 0)
        return ports

    def test_processes_start_with_different_hosts(self):
        driver = self.driver(f'rabbit://{_HOSTS}/')
        orders = [self.tried_ports_in_fork(driver) for _ in range(12)]
        for order in orders:
            self.assertEqual([*_PORTS], sorted(order))
        self.assertGreater(len({order[0] for order in orders}), 1)
