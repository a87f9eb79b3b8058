# SPDX-License-Identifier: Apache-2.0
"""``usermsg-status``, run as an operator runs it."""

import importlib.metadata
import os
import re
import subprocess
import sys

import sqlalchemy as sa

from usermsg.cmd import status as command
from usermsg import config
from usermsg import context
from usermsg.db import migration
from usermsg.db import models
from usermsg.message import api
from usermsg.notifications.drivers import loader
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import upgrade

PASSWORD = 'hunter2'


class StatusTestCase:

    def assertChecked(self, outcome, **codes):
        """:param codes: first word of a check -> its code, if not SUCCESS"""
        expected = [codes.pop(name.split()[0].lower(), upgrade.SUCCESS)
                    for name in upgrade.CHECKS]
        self.assertEqual({}, codes)
        self.assertEqual(expected, outcome.codes, outcome.details)
        self.assertEqual((max(expected), ''),
                         (outcome.end.returncode, outcome.end.stderr))


class TestDatabase(StatusTestCase, databases.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime(tables=False)
        self.config = str(self.home / 'usermsg.conf')

    def execute(self, statement):
        self.service.db.write(
            lambda connection: connection.execute(statement))

    def record(self, number=1):
        for _ in range(number):
            api.API(self.service).create(
                context.RequestContext(), 'VOLUME_000002', 'a-project')

    def test_a_database_without_tables_is_a_failure(self):
        outcome = upgrade.checked(self.config)
        self.assertChecked(outcome, schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING,
                           outbox=upgrade.WARNING)
        self.assertRegex(outcome.details['Schema'],
                         'has no tables yet.* Run "usermsg-manage db sync"')

    def test_after_db_sync_all_is_well(self):
        migration.sync(self.service.db)
        outcome = upgrade.checked(self.config)
        self.assertChecked(outcome)
        self.assertIn(migration.head(), outcome.details['Schema'])

    def test_a_newer_release_is_a_warning(self):
        migration.sync(self.service.db)
        self.execute(sa.text("UPDATE alembic_version SET version_num = 'x'"))
        outcome = upgrade.checked(self.config)
        self.assertChecked(outcome, schema=upgrade.WARNING)
        self.assertIn('A newer release', outcome.details['Schema'])

    def test_stored_events_that_the_catalogue_lacks_are_named(self):
        migration.sync(self.service.db)
        self.record(3)
        outcome = upgrade.checked(self.config)
        self.assertChecked(outcome)
        self.assertIn('newest 3 messages', outcome.details['Catalogue'])

        self.execute(models.messages.update().values(
            event_id='NEWER_000001'))
        self.record()
        outcome = upgrade.checked(self.config)
        self.assertChecked(outcome, catalogue=upgrade.WARNING)
        self.assertRegex(outcome.details['Catalogue'],
                         r'newest 4 messages: NEWER_000001\. ')

    def test_many_unknown_events_are_named_in_part(self):
        migration.sync(self.service.db)
        self.record()
        with self.service.db.reader() as connection:
            row = connection.execute(sa.select(models.messages)).one()
        self.execute(models.messages.insert().values([
            {**row._asdict(), 'id': f'{number:036}',
             'event_id': f'NEWER_{number:06}'} for number in range(13)]))
        details = upgrade.checked(self.config).details['Catalogue']
        self.assertIn('NEWER_000009 and 3 more', details)
        self.assertNotIn('NEWER_000010', details)

    def test_an_unreachable_database_is_a_failure_without_the_password(self):
        if self.server is None:
            url = f'sqlite:///{self.home}/missing/x.sqlite'
        else:
            url = (f'{self.url.partition(":")[0]}://usermsg:{PASSWORD}'
                   f'@127.0.0.1:{servers.free_port()}/usermsg')
        outcome = upgrade.checked(
            self.config_file(database={'connection': url}))
        self.assertChecked(outcome, schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING,
                           outbox=upgrade.WARNING)
        self.assertIn('The database cannot be used: ',
                      outcome.details['Schema'])
        self.assertNotIn(PASSWORD, outcome.end.stdout)


class TestConfiguration(StatusTestCase, base.TestCase):

    def setUp(self):
        super().setUp()
        migration.sync(self.runtime(tables=False).db)

    def check(self, **groups):
        return upgrade.checked(self.config_file(**groups))

    def test_the_table_is_for_people(self):
        end = commands.status('upgrade', 'check', config=self.config_file())
        self.assertEqual((0, ''), (end.returncode, end.stderr))
        for name in upgrade.CHECKS:
            self.assertRegex(end.stdout,
                             rf'Check: {name} +\|\n\| Result: Success')

    def test_no_database_is_configured(self):
        outcome = upgrade.checked(self.write('empty.conf', '[api]\n'))
        self.assertChecked(outcome, database=upgrade.FAILURE,
                           schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING, outbox=upgrade.WARNING)
        self.assertIn('[database] connection is not set',
                      outcome.details['Database driver'])

    def test_a_database_driver_that_is_not_installed(self):
        outcome = self.check(database={
            'connection': f'mysql+mysqldb://usermsg:{PASSWORD}@db/usermsg'})
        self.assertChecked(outcome, database=upgrade.FAILURE,
                           schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING, outbox=upgrade.WARNING)
        self.assertIn('MySQLdb', outcome.details['Database driver'])
        self.assertNotIn(PASSWORD, outcome.end.stdout)

    def test_a_bad_overlay_is_named_with_file_and_line(self):
        path = self.write('overlay/a.yaml', 'prefixes:\n  volume: 1\n')
        outcome = self.check(
            catalogue={'overlay_dir': self.home / 'overlay'})
        self.assertChecked(outcome, catalogue=upgrade.FAILURE)
        self.assertIn(f'{path}:2: ', outcome.details['Catalogue'])

    def test_a_bad_policy_is_named_with_file_and_line(self):
        path = self.write('policy.yaml',
                          '# ours\n"message:get": "role:reader adn x:y"\n')
        outcome = self.check(oslo_policy={'policy_file': path})
        self.assertChecked(outcome, policy=upgrade.FAILURE)
        self.assertIn(f'{path}:2: message:get: ', outcome.details['Policy'])

    def test_a_check_of_a_policy_that_never_matches_is_a_warning(self):
        path = self.write('policy.yaml', '"message:get_all": "rol:admin"\n')
        outcome = self.check(oslo_policy={'policy_file': path})
        self.assertChecked(outcome, policy=upgrade.WARNING)
        self.assertIn(f'{path}:1: message:get_all: "rol:" ',
                      outcome.details['Policy'])

    def test_a_policy_in_json_is_a_failure(self):
        path = self.write('policy.json', '{"message:get": "role:reader"}')
        outcome = self.check(oslo_policy={'policy_file': path})
        self.assertChecked(outcome, policy=upgrade.FAILURE)
        self.assertIn('JSON', outcome.details['Policy'])

    def test_drivers_that_can_be_loaded(self):
        path = self.write('drivers.conf', (
            '[database]\n'
            f'connection = {self.sqlite_url()}\n'
            '[oslo_messaging_notifications]\n'
            'driver = log\ndriver = noop\n'
            f'transport_url = rabbit://usermsg:{PASSWORD}@mq/\n'))
        outcome = upgrade.checked(path)
        self.assertChecked(outcome)
        self.assertEqual({'log', 'noop'}, set(
            outcome.details['Notification drivers'].split(', ')))
        self.assertNotIn(PASSWORD, outcome.end.stdout)

    def test_a_driver_that_hides_its_failures_is_a_warning(self):
        outcome = self.check(oslo_messaging_notifications={
            'driver': 'messagingv2',
            'transport_url': f'rabbit://usermsg:{PASSWORD}@mq/'})
        self.assertChecked(outcome, notification=upgrade.WARNING)
        self.assertIn('messagingv2: does not say when it could not deliver',
                      outcome.details['Notification drivers'])
        self.assertNotIn(PASSWORD, outcome.end.stdout)

    def test_a_driver_of_a_broker_without_an_address_is_a_warning(self):
        for driver in ('rabbit', 'messagingv2'):
            outcome = self.check(
                oslo_messaging_notifications={'driver': driver})
            self.assertChecked(outcome, notification=upgrade.WARNING)
            self.assertIn(
                f'{driver}: no transport_url is set, so localhost:5672 is '
                f'asked.', outcome.details['Notification drivers'])
        outcome = self.check(
            DEFAULT={'transport_url': 'rabbit://u:p@127.0.0.1:1/'},
            oslo_messaging_notifications={'driver': 'rabbit'})
        self.assertEqual(
            'rabbit: The queues of RabbitMQ could not be inspected: '
            '127.0.0.1:1: Connection refused.',
            outcome.details['Notification drivers'])
        self.assertChecked(self.check(
            oslo_messaging_notifications={'driver': 'noop'}))

    def test_queues_that_a_restart_of_rabbitmq_loses_are_a_warning(self):
        vhost = servers.require(rabbitmq.shared).create_vhost()
        self.addCleanup(vhost.delete)
        drivers = {'driver': 'rabbit', 'transport_url': vhost.url('rabbit')}
        outcome = self.check(oslo_messaging_notifications=drivers)
        self.assertChecked(outcome, notification=upgrade.WARNING)
        self.assertIn('amqp_durable_queues = true in every service',
                      outcome.details['Notification drivers'])
        self.assertNotIn(vhost.broker.password, outcome.end.stdout)
        for priority in ('info', 'warn', 'error'):
            vhost.declare(f'notifications.{priority}')
        outcome = self.check(oslo_messaging_notifications=drivers)
        self.assertChecked(outcome, notification=upgrade.WARNING)
        self.assertIn('are durable', outcome.details['Notification drivers'])
        self.assertChecked(self.check(
            oslo_messaging_notifications=drivers,
            oslo_messaging_rabbit={'amqp_durable_queues': 'true'}))

    def test_an_address_that_cannot_be_used_is_a_failure(self):
        for url in (f'pigeon://u:{PASSWORD}@mq/',
                    f'rabbit://u:{PASSWORD}/x@mq/'):
            outcome = self.check(oslo_messaging_notifications={
                'driver': 'log', 'transport_url': url})
            self.assertChecked(outcome, notification=upgrade.FAILURE)
            self.assertIn('[oslo_messaging_notifications] transport_url: ',
                          outcome.details['Notification drivers'])
            self.assertNotIn(PASSWORD, outcome.end.stdout + outcome.end.stderr)

    def test_a_driver_that_takes_longer_than_a_lease_allows_is_a_failure(self):
        outcome = self.check(
            oslo_messaging_notifications={
                'driver': 'rabbit', 'transport_url': 'rabbit://mq/'},
            oslo_messaging_rabbit_notify={'timeout': 25})
        self.assertChecked(outcome, notification=upgrade.FAILURE)
        self.assertIn('[oslo_messaging_rabbit_notify] timeout: 25 seconds',
                      outcome.details['Notification drivers'])

    def test_drivers_that_cannot_be_loaded_are_named_with_the_reason(self):
        self.write('plug/plug-1.dist-info/METADATA',
                   'Metadata-Version: 2.1\nName: plug\nVersion: 1\n')
        self.write('plug/plug-1.dist-info/entry_points.txt',
                   f'[{loader.ENTRY_POINTS}]\npigeon = pigeons:Driver\n')
        path = self.config_file()
        with open(path, 'a', encoding='utf-8') as stream:
            stream.write('[oslo_messaging_notifications]\n'
                         'driver = noop\ndriver = pigeon\ndriver = smoke\n')
        # What is installed is known from a Python's start.
        outcome = upgrade.Checked(subprocess.run(
            [sys.executable, '-m', 'usermsg.cmd.status', '--config-file', path,
             'upgrade', 'check', '--json'], text=True, capture_output=True,
            timeout=120, env={**os.environ, 'PYTHONPATH': os.pathsep.join(
                [str(self.home / 'plug'), *filter(None, sys.path)])}))
        self.assertChecked(outcome, notification=upgrade.FAILURE)
        details = outcome.details['Notification drivers']
        self.assertIn('there is no driver "smoke".', details)
        self.assertRegex(details, '"pigeon" cannot be loaded: .*pigeons')
        self.assertNotIn('noop', details)

    def test_the_variable_names_the_configuration(self):
        path = self.config_file()
        self.assertChecked(upgrade.checked(
            **{config.CONFIG_FILES_VARIABLE: path}))

    def assertNotChecked(self, pattern, end):
        self.assertEqual((command.NOT_CHECKED, ''),
                         (end.returncode, end.stdout))
        self.assertRegex(end.stderr, f'^usermsg-status.*{pattern}.*\n$')
        self.assertEqual(1, end.stderr.count('\n'), end.stderr)

    def test_a_configuration_that_cannot_be_read(self):
        missing = str(self.home / 'missing.conf')
        broken = self.write('broken.conf', f'[database]\n{PASSWORD}\n')
        for end, pattern in (
                (commands.status('upgrade', 'check', config=missing),
                 f'{re.escape(missing)}: the configuration file does not'),
                (commands.status('upgrade', 'check', **{
                    config.CONFIG_FILES_VARIABLE: missing}),
                 f'{re.escape(missing)}: the configuration file does not'),
                (commands.status('upgrade', 'check', config=broken),
                 f'{re.escape(broken)}:2: '),
                (commands.status('upgrade', 'check', config=self.config_file(
                    messages={'ttl': 'long'})),
                 r'\[messages] ttl is not valid')):
            self.assertNotChecked(pattern, end)
            self.assertNotIn(PASSWORD, end.stderr)

    def test_another_word_than_check_is_refused(self):
        self.assertNotChecked('there is no command "upgrade chekc"',
                              commands.status('upgrade', 'chekc'))

    def test_the_command_is_installed(self):
        found, = importlib.metadata.entry_points(
            group='console_scripts', name='usermsg-status')
        self.assertIs(command.main, found.load())
