# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
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
