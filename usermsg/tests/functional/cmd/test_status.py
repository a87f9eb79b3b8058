# SPDX-License-Identifier: Apache-2.0
"""``usermsg-status`` as a command."""

import importlib.metadata
import os
import re
import socket
import subprocess
import sys

import sqlalchemy as sa

from usermsg.cmd import status as command
from usermsg import config
from usermsg import context
from usermsg.db import migration
from usermsg.db import models
from usermsg.db import revision
from usermsg.message import api
from usermsg.notifications.drivers import loader
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import keystone
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import upgrade

PASSWORD = 'hunter2'


class StatusTestCase:

    def assertChecked(self, result, **codes):
        """Compare the codes.

        :param codes: first word of a check -> its code, if not SUCCESS
        """
        expected = [codes.pop(name.split()[0].lower(), upgrade.SUCCESS)
                    for name in upgrade.CHECKS]
        self.assertEqual({}, codes)
        self.assertEqual(expected, result.codes, result.details)
        self.assertEqual((max(expected), ''),
                         (result.process.returncode, result.process.stderr))


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

    def test_check_without_tables_fails(self):
        result = upgrade.run_check(self.config)
        self.assertChecked(result, schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING,
                           outbox=upgrade.WARNING)
        self.assertRegex(result.details['Schema'],
                         'has no tables yet.* Run "usermsg-manage db sync"')

    def test_check_after_db_sync_succeeds(self):
        migration.sync(self.service.db)
        result = upgrade.run_check(self.config)
        self.assertChecked(result)
        self.assertIn(revision.HEAD, result.details['Schema'])

    def test_check_of_newer_database_warns(self):
        migration.sync(self.service.db)
        self.execute(sa.text("UPDATE alembic_version SET version_num = 'x'"))
        result = upgrade.run_check(self.config)
        self.assertChecked(result, schema=upgrade.WARNING)
        self.assertIn('A newer release', result.details['Schema'])

    def test_stored_events_missing_in_catalogue_are_listed(self):
        migration.sync(self.service.db)
        self.record(3)
        result = upgrade.run_check(self.config)
        self.assertChecked(result)
        self.assertIn('newest 3 messages', result.details['Catalogue'])

        self.execute(models.messages.update().values(
            event_id='NEWER_000001'))
        self.record()
        result = upgrade.run_check(self.config)
        self.assertChecked(result, catalogue=upgrade.WARNING)
        self.assertRegex(result.details['Catalogue'],
                         r'newest 4 messages: NEWER_000001\. ')

    def test_list_of_missing_events_is_limited(self):
        migration.sync(self.service.db)
        self.record()
        with self.service.db.reader() as connection:
            row = connection.execute(sa.select(models.messages)).one()
        self.execute(models.messages.insert().values([
            {**row._asdict(), 'id': f'{number:036}',
             'event_id': f'NEWER_{number:06}'} for number in range(13)]))
        details = upgrade.run_check(self.config).details['Catalogue']
        self.assertIn('NEWER_000009 and 3 more', details)
        self.assertNotIn('NEWER_000010', details)

    def test_unreachable_database_fails_without_password(self):
        if self.server is None:
            url = f'sqlite:///{self.home}/missing/x.sqlite'
        else:
            url = (f'{self.url.partition(":")[0]}://usermsg:{PASSWORD}'
                   f'@127.0.0.1:{servers.free_port()}/usermsg')
        result = upgrade.run_check(
            self.config_file(database={'connection': url}))
        self.assertChecked(result, schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING,
                           outbox=upgrade.WARNING)
        self.assertIn('The database cannot be used: ',
                      result.details['Schema'])
        self.assertNotIn(PASSWORD, result.process.stdout)


def listen_silently(test):
    """Return the port of a server that accepts, and never responds."""
    listener = socket.create_server(('127.0.0.1', 0))
    test.addCleanup(listener.close)
    return listener.getsockname()[1]


class TestKeystone(StatusTestCase, base.TestCase):

    def setUp(self):
        super().setUp()
        migration.sync(self.runtime(tables=False).db)

    def check(self, code, **options):
        """Run the check; return its details."""
        result = upgrade.run_check(
            self.config_file(keystone_authtoken=options),
            OS_API__AUTH_STRATEGY='keystone')
        self.assertChecked(result, keystone=code)
        password = options.get('password', PASSWORD)
        self.assertNotIn(password, result.process.stdout)
        return result.details['Keystone']

    def test_account_whose_token_is_validated_succeeds(self):
        identity = servers.require(keystone.shared)
        self.assertEqual(
            'Keystone has validated a token of the account in '
            '[keystone_authtoken].',
            self.check(upgrade.SUCCESS, **identity.authtoken()))

    def test_wrong_password_fails(self):
        identity = servers.require(keystone.shared)
        self.assertIn('Unauthorized: ', self.check(
            upgrade.FAILURE, **identity.authtoken(password=PASSWORD)))

    def test_account_without_the_role_service_warns(self):
        identity = servers.require(keystone.shared)
        password = identity.user('plain', project='service', roles=['member'])
        self.assertIn('has neither the role service nor admin', self.check(
            upgrade.WARNING, **identity.authtoken(
                username='plain', password=password)))

    def test_unavailable_keystone_fails(self):
        for port, reason in ((servers.free_port(), 'Connection refused'),
                             (listen_silently(self), 'no response within 5')):
            url = f'http://usermsg:{PASSWORD}@127.0.0.1:{port}/v3'
            self.assertIn(reason, self.check(
                upgrade.FAILURE, auth_type='password', auth_url=url,
                username='usermsg', password=PASSWORD,
                http_connect_timeout=9))

    def test_invalid_option_fails(self):
        self.assertIn('auth_url', self.check(
            upgrade.FAILURE, auth_type='password', auth_url='keystone',
            username='usermsg', password=PASSWORD))

    def test_missing_account_warns(self):
        self.assertIn('contains no account', self.check(upgrade.WARNING))


class TestBrokers(StatusTestCase, base.TestCase):

    def setUp(self):
        super().setUp()
        migration.sync(self.runtime(tables=False).db)

    def check(self, **groups):
        """Run the check; return (code, details)."""
        result = upgrade.run_check(self.config_file(**groups))
        self.assertNotIn(PASSWORD, result.process.stdout)
        return (result.codes[upgrade.CHECKS.index('Brokers')],
                result.details['Brokers'])

    def check_listener(self, url):
        return self.check(DEFAULT={'transport_url': url},
                          listener={'enabled': 'true'})

    def test_rabbitmq_of_drivers_and_listener_is_asked(self):
        vhost = servers.require(rabbitmq.shared).create_vhost()
        self.addCleanup(vhost.delete)
        host = f'{vhost.broker.host}:{vhost.broker.port}'
        code, details = self.check(
            DEFAULT={'transport_url': vhost.url('rabbit')},
            oslo_messaging_notifications={'driver': 'messagingv2'},
            listener={'enabled': 'true'})
        self.assertEqual(upgrade.SUCCESS, code, details)
        self.assertEqual(
            f'messagingv2: {host} accepts connections. listener transport '
            f'default: {host} accepts connections.', details)
        self.assertNotIn(vhost.broker.password, details)

    def test_rejected_login_warns(self):
        broker = servers.require(rabbitmq.shared)
        code, details = self.check_listener(
            f'rabbit://nobody:{PASSWORD}@{broker.host}:{broker.port}/')
        self.assertEqual(upgrade.WARNING, code)
        self.assertIn('listener transport default: ', details)
        self.assertIn('ACCESS_REFUSED', details)

    def test_each_host_is_asked_although_one_does_not_respond(self):
        vhost = servers.require(rabbitmq.shared).create_vhost()
        self.addCleanup(vhost.delete)
        silent = f'127.0.0.1:{listen_silently(self)}'
        login, _, address = vhost.url('rabbit').partition('@')
        code, details = self.check_listener(
            f'{login}@{silent},{login.removeprefix("rabbit://")}@{address}')
        self.assertEqual(
            (upgrade.WARNING, f'listener transport default: {silent}: the '
             'broker does not respond. listener transport default: '
             f'{vhost.broker.host}:{vhost.broker.port} accepts connections.'),
            (code, details))

    def test_server_of_amqp_1_is_asked(self):
        peer = servers.require(qpid_peer.Peer)
        self.addCleanup(peer.stop)
        silent = f'127.0.0.1:{listen_silently(self)}'
        code, details = self.check(
            oslo_messaging_notifications={'driver': 'qpid'},
            oslo_messaging_qpid={'hosts': f'amqp://{silent}, {peer.url()}'})
        self.assertEqual(upgrade.WARNING, code)
        self.assertRegex(
            details, f'^qpid: {silent}: no AMQP connection was opened .* '
            f'qpid: 127.0.0.1:{peer.port} accepts connections.$')

    def test_host_without_brokers_succeeds(self):
        self.assertEqual(
            (upgrade.SUCCESS,
             'Neither a driver nor the listener uses a broker.'),
            self.check())


class TestConfiguration(StatusTestCase, base.TestCase):

    def setUp(self):
        super().setUp()
        migration.sync(self.runtime(tables=False).db)

    def check(self, **groups):
        return upgrade.run_check(self.config_file(**groups))

    def test_default_output_is_a_table(self):
        end = commands.status('upgrade', 'check', config=self.config_file(),
                              **upgrade.ENVIRONMENT)
        self.assertEqual((0, ''), (end.returncode, end.stderr))
        for name in upgrade.CHECKS:
            self.assertRegex(end.stdout,
                             rf'Check: {name} +\|\n\| Result: Success')

    def test_check_without_database_connection_fails(self):
        result = upgrade.run_check(self.write('empty.conf', '[api]\n'))
        self.assertChecked(result, database=upgrade.FAILURE,
                           schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING, outbox=upgrade.WARNING)
        self.assertIn('[database] connection is not set',
                      result.details['Database driver'])

    def test_check_with_missing_database_driver_fails(self):
        result = self.check(database={
            'connection': f'mysql+mysqldb://usermsg:{PASSWORD}@db/usermsg'})
        self.assertChecked(result, database=upgrade.FAILURE,
                           schema=upgrade.FAILURE,
                           catalogue=upgrade.WARNING, outbox=upgrade.WARNING)
        self.assertIn('MySQLdb', result.details['Database driver'])
        self.assertNotIn(PASSWORD, result.process.stdout)

    def test_api_without_address_for_links_warns(self):
        for options, code in (
                ({}, upgrade.WARNING),
                ({'public_endpoint': 'https://message.example.org/'},
                 upgrade.SUCCESS),
                ({'trust_host_header': 'true'}, upgrade.SUCCESS)):
            result = upgrade.CheckResult(commands.status(
                'upgrade', 'check', '--json',
                config=self.config_file(api=options)))
            self.assertChecked(result, endpoint=code)
        result = upgrade.CheckResult(commands.status(
            'upgrade', 'check', '--json', config=self.config_file()))
        self.assertIn('Neither [api] public_endpoint nor trust_host_header',
                      result.details['Endpoint'])

    def test_invalid_overlay_is_reported_with_file_and_line(self):
        path = self.write('overlay/a.yaml', 'prefixes:\n  volume: 1\n')
        result = self.check(
            catalogue={'overlay_dir': self.home / 'overlay'})
        self.assertChecked(result, catalogue=upgrade.FAILURE)
        self.assertIn(f'{path}:2: ', result.details['Catalogue'])

    def test_invalid_policy_is_reported_with_file_and_line(self):
        path = self.write('policy.yaml',
                          '# local\n"message:get": "role:reader adn x:y"\n')
        result = self.check(oslo_policy={'policy_file': path})
        self.assertChecked(result, policy=upgrade.FAILURE)
        self.assertIn(f'{path}:2: message:get: ', result.details['Policy'])

    def test_policy_check_that_never_matches_warns(self):
        path = self.write('policy.yaml', '"message:get_all": "rol:admin"\n')
        result = self.check(oslo_policy={'policy_file': path})
        self.assertChecked(result, policy=upgrade.WARNING)
        self.assertIn(f'{path}:1: message:get_all: "rol:" ',
                      result.details['Policy'])

    def test_policy_in_json_fails(self):
        path = self.write('policy.json', '{"message:get": "role:reader"}')
        result = self.check(oslo_policy={'policy_file': path})
        self.assertChecked(result, policy=upgrade.FAILURE)
        self.assertIn('JSON', result.details['Policy'])

    def test_loadable_drivers_are_listed_without_password(self):
        path = self.write('drivers.conf', (
            '[database]\n'
            f'connection = {self.sqlite_url()}\n'
            '[oslo_messaging_notifications]\n'
            'driver = log\ndriver = noop\n'
            f'transport_url = rabbit://usermsg:{PASSWORD}@mq/\n'))
        result = upgrade.run_check(path)
        self.assertChecked(result)
        self.assertEqual({'log', 'noop'}, set(
            result.details['Notification drivers'].split(', ')))
        self.assertNotIn(PASSWORD, result.process.stdout)

    def test_driver_that_hides_failures_warns(self):
        result = self.check(oslo_messaging_notifications={
            'driver': 'messagingv2',
            'transport_url': f'rabbit://usermsg:{PASSWORD}@mq.invalid/'})
        self.assertChecked(result, notification=upgrade.WARNING,
                           brokers=upgrade.WARNING)
        self.assertIn('messagingv2: does not report failed deliveries',
                      result.details['Notification drivers'])
        self.assertNotIn(PASSWORD, result.process.stdout)

    def test_driver_without_broker_address_warns(self):
        for driver in ('rabbit', 'messagingv2'):
            result = self.check(
                oslo_messaging_notifications={'driver': driver})
            self.assertChecked(result, notification=upgrade.WARNING,
                               brokers=upgrade.WARNING)
            self.assertIn(
                f'{driver}: no transport_url is set, so localhost:5672 is '
                f'used.', result.details['Notification drivers'])
        result = self.check(
            DEFAULT={'transport_url': 'rabbit://u:p@127.0.0.1:1/'},
            oslo_messaging_notifications={'driver': 'rabbit'})
        self.assertEqual(
            'rabbit: The queues of RabbitMQ could not be inspected: '
            '127.0.0.1:1: Connection refused.',
            result.details['Notification drivers'])
        self.assertChecked(self.check(
            oslo_messaging_notifications={'driver': 'noop'}))

    def test_queues_lost_by_restart_of_rabbitmq_warn(self):
        vhost = servers.require(rabbitmq.shared).create_vhost()
        self.addCleanup(vhost.delete)
        drivers = {'driver': 'rabbit', 'transport_url': vhost.url('rabbit')}
        result = self.check(oslo_messaging_notifications=drivers)
        self.assertChecked(result, notification=upgrade.WARNING)
        self.assertIn('amqp_durable_queues = true in every service',
                      result.details['Notification drivers'])
        self.assertNotIn(vhost.broker.password, result.process.stdout)
        for priority in ('info', 'warn', 'error'):
            vhost.declare(f'notifications.{priority}')
        result = self.check(oslo_messaging_notifications=drivers)
        self.assertChecked(result, notification=upgrade.WARNING)
        self.assertIn('are durable', result.details['Notification drivers'])
        self.assertChecked(self.check(
            oslo_messaging_notifications=drivers,
            oslo_messaging_rabbit={'amqp_durable_queues': 'true'}))

    def test_invalid_transport_url_fails_without_password(self):
        for url in (f'pigeon://u:{PASSWORD}@mq/',
                    f'rabbit://u:{PASSWORD}/x@mq/'):
            result = self.check(oslo_messaging_notifications={
                'driver': 'log', 'transport_url': url})
            self.assertChecked(result, notification=upgrade.FAILURE,
                               brokers=upgrade.WARNING)
            self.assertIn('[oslo_messaging_notifications] transport_url: ',
                          result.details['Notification drivers'])
            self.assertNotIn(PASSWORD, result.process.stdout)
            self.assertNotIn(PASSWORD, result.process.stderr)

    def test_driver_timeout_too_long_for_lease_fails(self):
        result = self.check(
            oslo_messaging_notifications={
                'driver': 'rabbit', 'transport_url': 'rabbit://mq/'},
            oslo_messaging_rabbit_notify={'delivery_timeout': 25})
        self.assertChecked(result, notification=upgrade.FAILURE,
                           brokers=upgrade.WARNING)
        self.assertIn(
            '[oslo_messaging_rabbit_notify] delivery_timeout: 25 seconds',
            result.details['Notification drivers'])

    def test_unloadable_driver_is_reported_with_reason(self):
        self.write('plug/plug-1.dist-info/METADATA',
                   'Metadata-Version: 2.1\nName: plug\nVersion: 1\n')
        self.write('plug/plug-1.dist-info/entry_points.txt',
                   f'[{loader.ENTRY_POINTS}]\npigeon = pigeons:Driver\n')
        path = self.config_file()
        with open(path, 'a', encoding='utf-8') as stream:
            stream.write('[oslo_messaging_notifications]\n'
                         'driver = noop\ndriver = pigeon\ndriver = smoke\n')
        # Python finds installed distributions only at its start.
        result = upgrade.CheckResult(subprocess.run(
            [sys.executable, '-m', 'usermsg.cmd.status', '--config-file', path,
             'upgrade', 'check', '--json'], text=True, capture_output=True,
            timeout=120, env={
                **os.environ, **upgrade.ENVIRONMENT,
                'PYTHONPATH': os.pathsep.join(
                    [str(self.home / 'plug'), *filter(None, sys.path)])}))
        self.assertChecked(result, notification=upgrade.FAILURE,
                           brokers=upgrade.WARNING)
        details = result.details['Notification drivers']
        self.assertIn('there is no driver "smoke".', details)
        self.assertRegex(details, '"pigeon" cannot be loaded: .*pigeons')
        self.assertNotIn('noop', details)

    def test_environment_variable_sets_configuration_file(self):
        path = self.config_file()
        self.assertChecked(upgrade.run_check(
            **{config.CONFIG_FILES_VARIABLE: path}))

    def assertNotChecked(self, pattern, end):
        self.assertEqual((command.NOT_CHECKED, ''),
                         (end.returncode, end.stdout))
        self.assertRegex(end.stderr, f'^usermsg-status.*{pattern}.*\n$')
        self.assertEqual(1, end.stderr.count('\n'), end.stderr)

    def test_unreadable_configuration_exits_without_checks(self):
        missing = str(self.home / 'missing.conf')
        malformed = self.write('malformed.conf', f'[database]\n{PASSWORD}\n')
        for end, pattern in (
                (commands.status('upgrade', 'check', config=missing),
                 f'{re.escape(missing)}: the configuration file does not'),
                (commands.status('upgrade', 'check', **{
                    config.CONFIG_FILES_VARIABLE: missing}),
                 f'{re.escape(missing)}: the configuration file does not'),
                (commands.status('upgrade', 'check', config=malformed),
                 f'{re.escape(malformed)}:2: '),
                (commands.status('upgrade', 'check', config=self.config_file(
                    messages={'ttl': 'long'})),
                 r'\[messages] ttl is not valid')):
            self.assertNotChecked(pattern, end)
            self.assertNotIn(PASSWORD, end.stderr)

    def test_unknown_subcommand_exits_without_checks(self):
        self.assertNotChecked('unknown command "upgrade chekc"',
                              commands.status('upgrade', 'chekc'))

    def test_console_script_is_installed(self):
        script, = importlib.metadata.entry_points(
            group='console_scripts', name='usermsg-status')
        self.assertIs(command.main, script.load())
