# SPDX-License-Identifier: Apache-2.0
"""Tests that run on every database."""

import testscenarios

from usermsg.tests import base
from usermsg.tests.functional import servers

#: Each test runs once for each of them.
SCENARIOS = [
    ('sqlite', {'server': None}),
    ('mariadb', {'server': staticmethod(servers.mariadb)}),
    ('postgresql', {'server': staticmethod(servers.postgresql)}),
]


class TestCase(testscenarios.WithScenarios, base.TestCase):
    """Has ``self.url``, of an empty database of its own."""

    scenarios = SCENARIOS
    server = None

    #: Seconds; with SQLite one of many writers may wait for longer than is
    #: usual, which is the default.
    busy_timeout = None

    def setUp(self):
        super().setUp()
        if self.server is None:
            self.url = self.sqlite_url()
            if self.busy_timeout:
                self.url += f'?timeout={self.busy_timeout}'
        else:
            server = servers.require(self.server)
            self.url = server.create_database()
            self.addCleanup(server.drop_database, self.url)

    def runtime(self, tables=True, **groups):
        groups.setdefault('database', {}).setdefault('connection', self.url)
        return super().runtime(tables=tables, **groups)
