# SPDX-License-Identifier: Apache-2.0
"""Nodes of a Galera cluster that are isolated, behind, or in conflict."""

import atexit
import concurrent.futures
import contextlib
import functools
import json
import threading
import uuid

import fixtures
import sqlalchemy as sa

from usermsg.api import app
from usermsg.db import models
from usermsg import exception
from usermsg.tests import base
from usermsg.tests.fixtures import galera
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import waiting

_HEADERS = {**http_client.build_headers('red', 'service', 'member', 'reader'),
            'Content-Type': 'application/json'}


@functools.cache
def _start_cluster():
    """Return a cluster that the tests of this module may disturb."""
    cluster = galera.Cluster(galera.FAST_EVICTION)
    atexit.register(cluster.stop)
    return cluster


class TestNodes(base.TestCase):

    def setUp(self):
        super().setUp()
        self.cluster = servers.require(_start_cluster)
        url = self.cluster.create_database()
        self.addCleanup(self.cluster.nodes[0].drop_database, url)
        self.database = sa.make_url(url).database
        self.log = self.useFixture(fixtures.FakeLogger())
        # Each API process is on a node of its own.
        self.runtimes = [
            self.runtime(tables=not number, database={
                'connection': node.url(self.database)})
            for number, node in enumerate(self.cluster.nodes)]
        self.apps = [app.make_app(runtime) for runtime in self.runtimes]

    def request(self, number, method, path, content=None):
        return http_client.request(
            self.apps[number], path, method, _HEADERS,
            json.dumps(content).encode() if content else b'')

    def record(self, number, source_id=None):
        return self.request(number, 'POST', '/v3/messages', {'message': {
            'project_id': 'red', 'event_id': samples.EVENT,
            'source_id': source_id or str(uuid.uuid4())}})

    def assertUnavailable(self, response):
        self.assertEqual(503, response.status_int, response.text)
        self.assertGreater(int(response.headers['Retry-After']), 0)

    @contextlib.contextmanager
    def isolated(self, number):
        node = self.cluster.nodes[number]
        node.isolate()
        try:
            waiting.until(lambda: node.status()['wsrep_ready'] == 'OFF')
            yield
        finally:
            node.rejoin()
            self.cluster.wait_until_synced()

    def test_message_is_found_and_deleted_on_another_node_at_once(self):
        # The node receives transactions but doesn't apply them.
        with self.cluster.nodes[1].paused() as resume:
            path = f'/v3/messages/{self.record(0).json["message"]["id"]}'
            timer = threading.Timer(1, resume)
            timer.start()
            self.addCleanup(timer.join)
            self.assertEqual(200, self.request(1, 'GET', path).status_int)
        with self.cluster.nodes[1].paused() as resume:
            path = f'/v3/messages/{self.record(0).json["message"]["id"]}'
            timer = threading.Timer(1, resume)
            timer.start()
            self.addCleanup(timer.join)
            self.assertEqual(204, self.request(1, 'DELETE', path).status_int)

    def test_configured_wsrep_sync_wait_is_used(self):
        runtime = self.runtime(tables=False, database={
            'connection': self.cluster.nodes[0].url(self.database),
            'mysql_wsrep_sync_wait': 0})
        for database, expected in ((runtime.db, 0), (self.runtimes[0].db, 3)):
            with database.reader() as connection:
                self.assertEqual(expected, connection.scalar(
                    sa.text('SELECT @@wsrep_sync_wait')))

    def test_simultaneous_writes_on_all_nodes_succeed(self):
        keys = [str(uuid.uuid4()) for _number in range(40)]
        with concurrent.futures.ThreadPoolExecutor(6) as threads:
            responses = list(threads.map(
                self.record, [0, 1, 2] * len(keys),
                [key for key in keys for _node in range(3)]))
        self.assertEqual({200, 201},
                         {response.status_int for response in responses},
                         self.log.output)
        ids = [{response.json['message']['id']
                for response in responses[3 * number:3 * number + 3]}
               for number in range(len(keys))]
        self.assertEqual({1}, set(map(len, ids)))
        paths = [f'/v3/messages/{one_id}' for [one_id] in ids]
        with concurrent.futures.ThreadPoolExecutor(6) as threads:
            statuses = [response.status_int for response in threads.map(
                self.request, [0, 1, 2] * len(paths),
                ['DELETE'] * 3 * len(paths),
                [path for path in paths for _node in range(3)])]
        for number in range(len(paths)):
            self.assertEqual([204, 404, 404], sorted(
                statuses[3 * number:3 * number + 3]))
        self.assertEqual([], samples.stored(self.runtimes[0].db))

    def test_conflict_at_commit_is_retried(self):
        """A lease is written on another node between INSERT and COMMIT."""
        attempts = []
        insert = models.leases.insert().values(
            name='one', owner='a', until=samples.START.replace(tzinfo=None))

        def conflict(connection):
            attempts.append(1)
            if len(attempts) == 1:
                connection.execute(insert)
                with self.runtimes[1].db.engine().begin() as other:
                    other.execute(insert)
            else:
                connection.execute(
                    models.leases.update().values(owner='b'))

        self.runtimes[0].db.write(conflict)
        self.assertEqual(2, len(attempts))
        [row] = samples.stored(self.runtimes[2].db, models.leases)
        self.assertEqual('b', row['owner'])

    def test_isolated_node_is_unavailable_and_left_until_it_rejoins(self):
        # Two processes that also know the other nodes, but began on this one.
        self.apps += [app.make_app(self.runtime(tables=False, database={
            'connection': self.cluster.url(self.database, first=2)}))
            for _process in range(2)]
        path = f'/v3/messages/{self.record(2).json["message"]["id"]}'
        for number in (3, 4):
            self.assertEqual(200, self.request(number, 'GET', path).status_int)
        with self.isolated(2):
            for _time in range(2):
                self.assertUnavailable(self.request(2, 'GET', path))
                self.assertUnavailable(self.request(2, 'DELETE', path))
                self.assertUnavailable(self.record(2))
            # The node refuses statements, so they are repeated on another one.
            self.assertEqual(201, self.record(3).status_int, self.log.output)
            self.assertEqual(200, self.request(4, 'GET', path).status_int)
            self.assertEqual(204, self.request(4, 'DELETE', path).status_int)
        self.assertEqual(404, self.request(2, 'GET', path).status_int)
        self.assertEqual(201, self.record(2).status_int)

    def test_isolation_before_commit_is_unavailable(self):
        runtime = self.runtimes[2]
        node = self.cluster.nodes[2]

        def isolate(connection):
            connection.execute(models.leases.insert().values(
                name='one', owner='a',
                until=samples.START.replace(tzinfo=None)))
            node.isolate()

        try:
            self.assertRaises(exception.DatabaseUnavailable, runtime.db.write,
                              isolate)
        finally:
            node.rejoin()
            self.cluster.wait_until_synced()
        self.assertIn('(1180, ', self.log.output)
        self.assertNotIn('Traceback', self.log.output)
        self.assertEqual([], samples.stored(runtime.db, models.leases))
