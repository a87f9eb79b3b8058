# SPDX-License-Identifier: Apache-2.0
"""URLs with several hosts, of which some don't respond."""

import socket

import sqlalchemy as sa

from usermsg.db import models
from usermsg import exception
from usermsg.tests import base
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers


class TestMariaDB(base.TestCase):

    def setUp(self):
        super().setUp()
        server = servers.require(servers.mariadb)
        url = server.create_database()
        self.addCleanup(server.drop_database, url)
        self.url = sa.make_url(url)
        # As a frozen server: the system accepts connections, and that is all.
        self.silent = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.silent.close)
        self.frozen = f'127.0.0.1:{self.silent.getsockname()[1]}'
        self.down = f'127.0.0.1:{servers.free_port()}'
        self.up = f'127.0.0.1:{self.url.port}'

    def make_runtime(self, *hosts, tables=True):
        url = self.url.set(host=None, port=None).update_query_dict(
            {'host': hosts, 'connect_timeout': '1'})
        return self.runtime(tables=tables, database={
            'connection': url.render_as_string(False)})

    def test_first_host_that_responds_is_used(self):
        for hosts in ([self.up], [self.frozen, self.down, self.up],
                      [self.down, self.up, self.frozen]):
            self.assertEqual([], samples.stored(self.make_runtime(*hosts).db))

    def test_later_connections_begin_with_the_host_that_responded(self):
        database = self.make_runtime(self.frozen, self.up, tables=False).db
        database.check_server()
        for _connection in range(3):
            with database.engine().connect():
                pass
            database.dispose()
        self.silent.setblocking(False)
        # One of the check, and one of the first connection.
        for _connection in range(2):
            self.silent.accept()[0].close()
        self.assertRaises(BlockingIOError, self.silent.accept)

    def test_addresses_of_url_and_of_its_file_are_used(self):
        path = self.home / 'client.cnf'
        path.write_text(f'[client]\nhost = {self.url.host}\n'
                        f'port = {self.url.port}\nbind-address = 127.0.0.6\n')
        for url, address in (
                (self.url.update_query_dict({'bind_address': '127.0.0.5'}),
                 '127.0.0.5'),
                (self.url.set(host=None, port=None).update_query_dict(
                    {'read_default_file': str(path)}), '127.0.0.6')):
            runtime = self.runtime(tables=False, database={
                'connection': url.render_as_string(False)})
            error = self.assertRaises(
                exception.DatabaseUnavailable, samples.stored, runtime.db)
            # The account is one for 127.0.0.1 only.
            self.assertIn(f"Host '{address}' is not allowed",
                          str(error.__cause__))

    def test_unavailable_hosts_raise_error_without_password(self):
        runtime = self.make_runtime(self.frozen, self.down, tables=False)
        error = self.assertRaises(
            exception.DatabaseUnavailable, samples.stored, runtime.db,
            models.leases)
        self.assertNotIn(self.url.password, str(error.__cause__))

    def test_server_check_uses_all_hosts(self):
        self.make_runtime(self.down, self.up).db.check_server()
