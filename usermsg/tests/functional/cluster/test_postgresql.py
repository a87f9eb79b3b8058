# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL standby, which refuses to write until it is promoted."""

import uuid

import fixtures
import sqlalchemy as sa

from usermsg import exception
from usermsg.message import api as message_api
from usermsg.tests import base
from usermsg.tests.fixtures import postgresql_standby
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers


class TestStandby(base.TestCase):

    def setUp(self):
        super().setUp()
        self.pair = servers.require(postgresql_standby.Pair)
        self.addCleanup(self.pair.stop)
        self.url = self.pair.primary.create_database()
        self.service = self.runtime(database={'connection': self.url})
        self.log = self.useFixture(fixtures.FakeLogger())

    def make_api(self, connection):
        runtime = self.runtime(tables=False,
                               database={'connection': connection})
        return message_api.API(runtime)

    def record(self, api):
        return api.record([api.new_message({
            'project_id': samples.PROJECT, 'event_id': samples.EVENT,
            'source_id': str(uuid.uuid4())})])

    def test_standby_refuses_writes_until_it_is_promoted(self):
        url = sa.make_url(self.url).set(port=self.pair.standby.port)
        api = self.make_api(url.render_as_string(False))
        self.assertEqual([], api.get_all(samples.request()).objects)
        self.assertRaises(exception.DatabaseUnavailable, self.record, api)
        self.assertIn('read-only transaction', self.log.output)
        # It was repeated on new connections, of which each could have been
        # to another server.
        self.assertNotIn('Traceback', self.log.output)
        self.pair.primary.kill()
        self.pair.promote()
        self.record(api)
        self.assertEqual(1, len(api.get_all(samples.request()).objects))

    def test_several_hosts_use_the_primary_before_and_after_promotion(self):
        api = self.make_api(self.pair.url(sa.make_url(self.url).database))
        self.record(api)
        self.pair.primary.shut_down()
        self.assertRaises(exception.DatabaseUnavailable, self.record, api)
        self.pair.promote()
        self.record(api)
        self.pair.add_standby()
        self.record(api)
        self.assertEqual(3, len(api.get_all(samples.request()).objects))
