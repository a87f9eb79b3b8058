# SPDX-License-Identifier: Apache-2.0
import socket

import fixtures

from usermsg import host
from usermsg.notifications import notification
from usermsg.outbox import writer
from usermsg.tests import base


class HostTest(base.TestCase):

    def test_name_is_the_host_name(self):
        self.assertEqual(socket.gethostname(), host.name())

    def test_characters_that_cannot_be_stored_are_replaced(self):
        for hostname, expected in (
                ('h\xf6st', 'h?st'), ('a b\n', 'a?b?'), ('', 'unnamed'),
                ('h\udcf6st', 'h?st'), ('a' * 300, 'a' * 200)):
            self.useFixture(fixtures.MonkeyPatch('socket.gethostname',
                                                 lambda name=hostname: name))
            self.assertEqual(expected, host.name())
            self.assertEqual(expected, writer.publisher_id(
                self.runtime(tables=False).conf))
            self.assertEqual(expected, notification.Notification(
                'a.type', {}).publisher_id)
