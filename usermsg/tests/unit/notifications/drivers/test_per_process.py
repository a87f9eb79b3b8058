# SPDX-License-Identifier: Apache-2.0
import os

from usermsg.notifications.drivers import per_process
from usermsg.notifications import errors
from usermsg.tests import base


class Client:

    def __init__(self):
        self.closed = []

    def close(self, timeout):
        self.closed.append(timeout)


class PerProcessTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clients = per_process.PerProcess('test', Client)

    def in_a_fork(self, work):
        """The exit status of a child: 0 if the work returns True."""
        pid = os.fork()
        if not pid:
            status = 2
            try:
                status = 0 if work() else 1
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_a_process_keeps_its_client(self):
        self.assertIs(self.clients.client(), self.clients.client())

    def test_a_child_has_another_client(self):
        own = self.clients.client()
        self.assertEqual(0, self.in_a_fork(
            lambda: self.clients.client() is not own))
        self.assertIs(own, self.clients.client())

    def test_a_child_does_not_close_the_client_of_its_parent(self):
        own = self.clients.client()

        def close():
            self.clients.close(1)
            return own.closed == []

        self.assertEqual(0, self.in_a_fork(close))

    def test_closed_has_no_client_any_more(self):
        own = self.clients.client()
        self.clients.close(5)
        self.assertEqual([5], own.closed)
        error = self.assertRaises(errors.NotDelivered, self.clients.client)
        self.assertEqual('test: the driver was closed.', str(error))
