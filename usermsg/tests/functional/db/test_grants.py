# SPDX-License-Identifier: Apache-2.0
"""GRANT statements of the documentation are sufficient and minimal."""

import datetime
import re
import threading
import uuid

import fixtures
import sqlalchemy as sa
from sqlalchemy import exc as sa_exception

from usermsg.db import clock
from usermsg.db import models
from usermsg import exception
from usermsg.importer import conversion
from usermsg.importer import source
from usermsg.message import api as message_api
from usermsg.objects import forget_request
from usermsg.objects import outbox
from usermsg.objects import removal
from usermsg.tests import base
from usermsg.tests.fixtures import correlating
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import wire
from usermsg.tests.unit.listener import test_correlation as correlation_samples
from usermsg.worker import reaper

PAGES = base.ROOT / 'doc/source/admin'

#: End of the comment in a block of statements.
LISTENER = ', with [listener] enabled'


def read_grants(database, page='database.rst'):
    """Return the GRANT statements of a page for a database."""
    blocks = re.findall(
        r'^\.\. code-block:: sql\n\n +-- '
        rf'{re.escape(database)}\n((?: +\S.*\n)+)',
        (PAGES / page).read_text(encoding='utf-8'), re.M)
    return [statement.strip() for block in blocks
            for statement in block.split(';') if statement.strip()]


class TestGrants(base.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def execute(self, url, *statements):
        engine = sa.create_engine(url, poolclass=sa.NullPool,
                                  isolation_level='AUTOCOMMIT')
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(
                    sa.text(statement) if isinstance(statement, str) else
                    statement)

    def assertEnough(self, owner, account):
        """Record as the account, and check that it can't do more.

        :param owner: URL of the database, with the owner of the tables
        :param account: URL of the database, with the account of a service
        """
        service = self.runtime(
            tables=False, database={
                'connection': account.render_as_string(False)},
            oslo_messaging_notifications={'driver': 'logging'})
        api = message_api.API(service)
        first = samples.record(api)
        second = samples.record(api, source_id='a key')
        self.assertIsNotNone(first, self.log.output)
        self.assertIsNotNone(second, self.log.output)
        self.assertEqual(
            second.id, samples.record(api, source_id='a key').id)
        self.assertIsNone(
            samples.record(api, source_id='a key', level='INFO'))
        self.assertIn('SourceConflict', self.log.output)
        self.assertEqual(
            first.id, api.get(samples.request(), first.id).id)

        for table in (models.messages, models.source_keys, models.outbox):
            column = list(table.c)[1].name
            for forbidden in (table.delete(),
                              table.update().values({column: 'another'}),
                              f'DROP TABLE {table.name}',
                              f'CREATE INDEX more ON {table.name} '
                              f'({column})'):
                error = self.assertRaises(
                    sa_exception.DBAPIError, self.execute, account,
                    forbidden)
                self.assertRegex(
                    str(error.orig), 'denied|must be owner', forbidden)
        self.assertEqual(2, len(self.stored(owner, models.messages)))
        self.assertEqual(1, len(self.stored(owner, models.source_keys)))
        self.assertEqual(2, len(self.stored(owner, models.outbox)))

    def assertEnoughToReap(self, owner, account):
        """Run the reaper as the account, and check that it can't do more."""
        old = samples.START - datetime.timedelta(days=365)
        owner_db = self.runtime(tables=False, database={
            'connection': owner.render_as_string(False)}).db
        samples.insert(owner_db, [samples.row(old) for _ in range(3)])
        forget_request.add(owner_db, 'project', samples.OTHER_PROJECT)
        forget_request.add(owner_db, 'user', 'a user')
        samples.insert(owner_db, [expiry.dead_letter(old)],
                       models.dead_letters)
        samples.insert(owner_db, [
            expiry.observation('expired', None, old),
            expiry.observation('of the project', samples.OTHER_PROJECT)],
            models.observations)
        samples.insert(owner_db, [expiry.resource_state(old)],
                       models.resource_states)
        new = datetime.datetime.now(datetime.timezone.utc) + expiry.DAY
        samples.insert(owner_db, [
            expiry.read_mark(old, user_id='another'), expiry.read_mark(new),
            expiry.read_mark(new, samples.OTHER_PROJECT, 'another')],
            models.read_marks)
        service = self.runtime(tables=False, database={
            'connection': account.render_as_string(False)},
            messages={'max_per_project': 1},
            oslo_messaging_notifications={'driver': 'logging'})
        reap = reaper.Reaper(service)
        for expected in (3, 0):
            self.assertEqual(
                expected, reap.reap(threading.Event())['expired'])
        for table in (models.dead_letters, models.observations,
                      models.resource_states, models.read_marks):
            self.assertEqual([], self.stored(owner, table))
        self.assertEqual(
            1, sum(removal.remove(service.db, removal.older_than(
                clock.read(service.db)))))
        # Entries of the removed messages and of those recorded before.
        everything = outbox.EntryFilter()
        entries = sum(1 for page in outbox.pages(service.db, everything)
                      for _row in page)
        self.assertEqual(6, entries)
        self.assertEqual(entries, sum(outbox.retry(
            service.db, everything, samples.START)))
        self.assertEqual(entries, sum(outbox.drop(service.db, everything)))
        self.assertEqual({}, outbox.backlog(service.db))
        self.assertForbidden(
            account, models.messages.update().values(project_id='another'),
            models.leases.delete(), 'DROP TABLE leases',
            *(f'INSERT INTO {table.name} SELECT * FROM {table.name}'
              for table in (
                  models.messages, models.source_keys, models.dead_letters,
                  models.forget_requests, models.observations,
                  models.read_marks, models.resource_states)))

    def assertForbidden(self, account, *statements):
        for statement in statements:
            error = self.assertRaises(
                sa_exception.DBAPIError, self.execute, account, statement)
            self.assertRegex(
                str(error.orig), 'denied|must be owner', statement)

    def assertEnoughToListen(self, owner, account):
        """Run listener and correlator as the account, and check its limits.

        The account has the grants of the reaper, too.
        """
        self.execute(owner, models.messages.delete())
        service = self.runtime(tables=False, database={
            'connection': account.render_as_string(False)},
            listener={'correlation_delay': 1, 'max_age': 366 * 24 * 3600},
            oslo_messaging_notifications={'driver': 'logging'})
        parts = correlating.Correlating(service)
        handler = listening.build_processor(service, writer=parts.writer)
        bodies = [wire.body(
            message_id=str(uuid.uuid4()), event_type=event_type,
            priority='ERROR', timestamp=str(datetime.datetime.now(
                datetime.timezone.utc)), payload=payload)
            for event_type, payload in (
                ('volume.create', {'project_id': samples.PROJECT,
                                   'volume_id': samples.VOLUME}),
                ('identity.project.deleted', {'id': 'p'}),
                ('bug', {}))]
        for _repetition in range(2):
            handler.store(handler.prepare([
                listening.source.Received(body, None, 'default', True)
                for body in bodies]))
        # The cause is claimed, and the states of the image are stored.
        parts.store([*correlation_samples.upload('an-image', 1),
                     correlation_samples.error('STORE_FULL', 1, 'an-image')])
        correlating.Correlating(self.runtime(tables=False, database={
            'connection': owner.render_as_string(False)})).set_age(
                correlating.DUE)
        parts.decide()
        self.assertEqual([
            ('IMAGE', 'an-image'), ('VOLUME', samples.VOLUME)], sorted(
                (row['prefix'], row['resource_uuid'])
                for row in self.stored(owner, models.messages)))
        self.assertEqual(1, len(self.stored(owner, models.dead_letters)))
        self.assertEqual(1, len(self.stored(owner, models.resource_states)))
        self.assertIn('p', [
            row['id'] for row in self.stored(owner, models.forget_requests)])
        self.assertForbidden(
            account, models.observations.update().values(rule='another'),
            models.dead_letters.update().values(reason='another'),
            models.resource_states.update().values(status='another'),
            models.source_keys.update().values(message_id='another'))

    def assertNotEnoughToImport(self, owner, account, name):
        """Check that SELECT on the messages alone needs --any-revision.

        :param owner: URL of the database, with an account that may grant
        :param account: URL of the database, with the account for the import
        :param name: the account, in a statement
        """
        self.execute(owner, 'CREATE TABLE messages ({})'.format(', '.join(
            f'{column} VARCHAR(36)' for column in conversion.Volume.columns)),
            'CREATE TABLE alembic_version (version_num VARCHAR(32))',
            f'GRANT SELECT ON messages TO {name}')
        error = self.assertRaises(
            exception.SourceDatabaseError,
            lambda: self.enterContext(source.connect(account,
                                                     conversion.Volume)))
        self.assertIn('or this account may not read it. If the database '
                      'belongs to an older release of block storage, use '
                      '--any-revision, or any_revision', str(error))
        with source.connect(account, conversion.Volume, True) as table:
            self.assertEqual((None, 0), (table.revision, table.count()))

    def stored(self, owner, table):
        return samples.stored(self.runtime(tables=False, database={
            'connection': owner.render_as_string(False)}).db, table)

    def database(self, server):
        url = server.create_database()
        self.addCleanup(server.drop_database, url)
        self.runtime(database={'connection': url})
        return sa.make_url(url)

    def test_grants_on_mariadb(self):
        server = servers.require(lambda: servers.MariaDB(fast=True))
        self.addCleanup(server.stop)
        owner = self.database(server)
        # None of the server's default accounts may grant.
        admin = f"'admin'@'127.0.0.1' IDENTIFIED BY '{owner.password}'"
        path = server.write(
            'admin.sql', f'CREATE USER {admin};\n'
            f"GRANT ALL ON *.* TO 'admin'@'127.0.0.1' WITH GRANT OPTION;\n")
        server.kill()
        server.command.append(f'--init-file={path}')
        server.start()

        statements = read_grants('MariaDB')
        self.assertEqual(3, len(statements), statements)
        self.execute(
            owner.set(username='admin'),
            f"CREATE USER 'cinder'@'%' IDENTIFIED BY '{owner.password}'",
            *(statement.replace('usermsg.', f'{owner.database}.')
              for statement in statements))
        self.assertEnough(owner, owner.set(username='cinder'))

        statements = read_grants('MariaDB', 'expired-messages.rst')
        self.assertEqual(9, len(statements), statements)
        self.execute(
            owner.set(username='admin'),
            f"CREATE USER 'reaper'@'%' IDENTIFIED BY '{owner.password}'",
            *(statement.replace('usermsg.', f'{owner.database}.')
              for statement in statements))
        self.assertEnoughToReap(owner, owner.set(username='reaper'))
        statements = read_grants(f'MariaDB{LISTENER}', 'expired-messages.rst')
        self.assertEqual(6, len(statements), statements)
        self.execute(
            owner.set(username='admin'),
            *(statement.replace('usermsg.', f'{owner.database}.')
              for statement in statements))
        self.assertEnoughToListen(owner, owner.set(username='reaper'))

        self.execute(owner.set(username='admin'), 'CREATE DATABASE source',
                     f"CREATE USER 'importer'@'%' IDENTIFIED BY "
                     f"'{owner.password}'")
        source_url = owner.set(database='source')
        self.assertNotEnoughToImport(
            source_url.set(username='admin'),
            source_url.set(username='importer'),
            "'importer'@'%'")

    def test_grants_on_postgresql(self):
        server = servers.require(servers.postgresql)
        owner = self.database(server)
        self.assertEnough(
            owner, self.create_account(owner, 'cinder', 'database.rst'))
        account = self.create_account(
            owner, 'reaper', 'expired-messages.rst')
        self.assertEnoughToReap(owner, account)
        self.grant(owner, account, 'reaper', 'expired-messages.rst', LISTENER)
        self.assertEnoughToListen(owner, account)
        source_url = sa.make_url(server.create_database())
        self.addCleanup(server.drop_database, source_url)
        importer = self.role(source_url, 'importer')
        self.assertNotEnoughToImport(
            source_url, importer, importer.username)

    def role(self, owner, name):
        """Return the URL of the database with a new PostgreSQL account."""
        role = f'{name}_{uuid.uuid4().hex}'
        admin = owner.set(username='postgres')
        self.execute(
            admin, f"CREATE ROLE {role} LOGIN PASSWORD '{owner.password}'")
        # Cleaned up last, after the database that refers to the role is
        # dropped.
        self._cleanups.insert(0, (self.execute, (
            admin.set(database='postgres'), f'DROP ROLE {role}'), {}))
        return owner.set(username=role)

    def create_account(self, owner, name, page):
        """Return a new PostgreSQL account with the grants of a page."""
        account = self.role(owner, name)
        self.grant(owner, account, name, page)
        return account

    def grant(self, owner, account, name, page, part=''):
        """Execute the statements of a page for an account.

        :param name: of the account in the statements
        """
        statements = read_grants(f'PostgreSQL{part}', page)
        self.assertIn(len(statements), (2, 3, 6), statements)
        self.execute(owner.set(username='postgres'), *(
            re.sub(rf'\b{name}\b', account.username, statement)
            for statement in statements))
