# SPDX-License-Identifier: Apache-2.0
"""Recording over a real RabbitMQ, from hosts without a database."""

import concurrent.futures
import datetime
import json
import time

import fixtures

from usermsg.catalogue.catalogues import image
from usermsg import config
from usermsg.db import models
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.message import report_queue
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import samples
from usermsg.tests.functional.listener import test_consumer
from usermsg.tests.functional.worker import test_listener

OVERLAY = '''
prefixes:
  ACME:
    events:
      '000001': {constant: OUT_OF_OIL, text: The robot is out of oil.}
'''

PAGE = base.ROOT / 'doc/source/admin/listener.rst'

#: Pattern of the permissions of the listener's account.
LISTENER = 'usermsg[._].*'

#: Attributes of a message that its report determines.
ATTRIBUTES = ('project_id', 'user_id', 'request_id', 'resource_type',
              'resource_uuid', 'event_id', 'message_level')


class HostMixin:
    """A host that has a configuration of the bus alone."""

    def host_api(self, messages=(), url=None, overlay_dir='', **options):
        """Return the API of a service on such a host.

        :param messages: options of ``[messages]``, a dict
        :param options: of ``[oslo_messaging_rabbit]``
        """
        messages = {'record_timeout': 60, **dict(messages)}
        path = self.write('host.conf', '\n'.join((
            '[oslo_messaging_notifications]',
            f'transport_url = {url or self.vhost.url("rabbit")}',
            *([f'[catalogue]\noverlay_dir = {overlay_dir}']
              if overlay_dir else []), '[messages]',
            *(f'{name} = {value}' for name, value in messages.items()),
            '[oslo_messaging_rabbit]',
            *(f'{name} = {value}' for name, value in options.items()), '')))
        with fixtures.EnvironmentVariable(config.CONFIG_FILES_VARIABLE, path):
            api = message_api.API(transport=message_api.BUS)
        self.addCleanup(api._bus._driver.close)
        return api

    def count_not_recorded(self, api):
        return sum(value.get() for value in
                   api._metrics.not_recorded._values.values())


class TestWorker(HostMixin, test_listener.TestCase):
    """A worker, and a service without a database, as they are deployed."""

    def test_reports_of_threads_and_forks_are_recorded_once(self):
        self.prepare(transport={'trusted': 'true', 'exchanges': 'glance'})
        api = self.host_api()
        # Before there is a listener.
        self.assertIsNone(samples.record(api, resource_uuid='before'))
        worker = self.worker()
        listening.wait_for(lambda: len(self.messages()) == 1)
        with concurrent.futures.ThreadPoolExecutor(8) as executor:
            list(executor.map(lambda number: samples.record(
                api, resource_uuid=f'thread-{number}'), range(40)))
        self.assertEqual(0, processes.run_in_fork(lambda: samples.record(
            api, resource_uuid='child')))
        for _repetition in range(3):
            samples.record(api, resource_uuid='repeated', source_id='key')
        listening.wait_for(lambda: len(self.messages()) == 43)
        listening.wait_for(lambda: self.count('already_reported') == 2)
        self.assertEqual(
            {'before', 'child', 'repeated',
             *(f'thread-{number}' for number in range(40))},
            {row['resource_uuid'] for row in self.messages()})
        self.assertEqual(0, self.vhost.count(report_queue.NAME))
        self.assertEqual([], self.dead_letters())
        self.assertEqual(0, self.count_not_recorded(api))
        self.assertNotIn('Traceback', worker.log())


class TestReports(HostMixin, test_consumer.ListenerMixin, databases.TestCase):

    scenarios = databases.SCENARIOS[:1]

    def prepare(self, transport=(), **groups):
        super().prepare(transport={'trusted': 'true', **dict(transport)},
                        **groups)
        self.declare()

    def wait_for_reports(self, number):
        """Wait until the listener has handled a number of reports."""
        listening.wait_for(lambda: self.count('received') >= number)
        listening.wait_for(lambda: self.vhost.count(report_queue.NAME) == 0)

    def test_report_is_equal_to_a_message_of_the_library(self):
        self.prepare()
        self.start_bound()
        error = type('StorageFull', (Exception,), {})('a secret')
        calls = (
            {'event_id': samples.EVENT, 'level': 'WARN'},
            {'event_id': None, 'action': image.Actions.UPLOAD,
             'detail': image.Details.STORE_FULL, 'resource_type': 'IMAGE'},
            {'event_id': None, 'action': 'UPLOAD', 'exception': error,
             'resource_type': 'image', 'source_id': 'with an exception'})
        api, database_api = (self.host_api(), message_api.API(self.usermsg))
        for number, values in enumerate(calls, 1):
            self.assertIsNone(samples.record(api, **values))
            [reported] = listening.wait_for(self.messages)
            self.delete_all()
            expected = samples.record(database_api, **values)
            self.assertEqual({name: getattr(expected, name)
                              for name in ATTRIBUTES},
                             {name: reported[name] for name in ATTRIBUTES})
            self.delete_all()
        self.assertNotIn('a secret', self.log.output)

    def delete_all(self):
        with self.db.engine().begin() as connection:
            connection.execute(models.messages.delete())
            connection.execute(models.source_keys.delete())

    def test_unknown_event_is_recorded_after_the_upgrade(self):
        self.prepare()
        self.start_bound()
        self.write('overlay/acme.yaml', OVERLAY)
        api = self.host_api(overlay_dir=self.home / 'overlay')
        samples.record(api, event_id='ACME_000001', resource_type=None)
        [letter] = listening.wait_for(self.dead_letters)
        self.assertEqual('The report is invalid: event_id.', letter['reason'])
        samples.record(api)
        self.wait_for_messages(1)
        groups = {'database': {'connection': self.url},
                  'listener_transport_default': {'trusted': 'true'},
                  'oslo_messaging_notifications': {
                      'transport_url': self.vhost.url('rabbit')}}
        for overlay, expected in (('absent', 1), ('overlay', 2)):
            (self.home / overlay).mkdir(exist_ok=True)
            result = commands.manage(
                'listener', 'dead-letter', 'retry', '--all',
                config=self.config_file(**groups, catalogue={
                    'overlay_dir': self.home / overlay}))
            self.assertEqual(0, result.returncode, result.stderr)
            self.assertEqual(expected, len(self.messages()))
        self.assertEqual([], self.dead_letters())

    def build_report(self, **payload):
        return json.loads(test_consumer.failure(
            event_type='usermsg.report', payload={
                'project_id': samples.PROJECT, 'event_id': samples.EVENT,
                'resource_type': 'VOLUME', 'resource_uuid': samples.VOLUME,
                'message_level': 'ERROR', 'user_id': None,
                'request_id': None, 'source_id': None, **payload},
            priority='INFO'))['oslo.message']

    def send(self, api, content):
        api._bus._driver.notify({}, json.loads(content), 'INFO', 0)

    def test_forged_reports_become_dead_letters(self):
        self.prepare()
        self.start_bound()
        api = self.host_api()
        for payload in ({'source_id': 'notification:x'},
                        {'source_id': 'import:x'}, {'project_id': None},
                        {'message_level': 'LOUD'}, {test_consumer.SECRET: 1},
                        {'user_id': ['x']}, {'resource_uuid': 'ü'}):
            self.send(api, self.build_report(**payload))
        # The id of a notification isn't the key of another failure.
        key = 'a' * 40
        forged = json.loads(self.build_report())
        self.send(api, json.dumps({**forged, 'message_id': key}))
        listening.wait_for(lambda: len(self.dead_letters()) == 7)
        self.wait_for_messages(1)
        self.assertEqual(
            [f'The report is invalid: payload{name}.' for name in (
                '', '.message_level', '.project_id', '.resource_uuid',
                '.source_id', '.source_id', '.user_id')],
            sorted(row['reason'] for row in self.dead_letters()))
        self.assertNotIn(key, str(samples.stored(
            self.db, models.source_keys)))

    def test_old_report_is_recorded(self):
        self.prepare(listener={'max_age': 60})
        self.start_bound()
        then = (datetime.datetime.now(datetime.timezone.utc) -
                datetime.timedelta(days=3))
        old = json.loads(self.build_report())
        self.send(self.host_api(), json.dumps(
            {**old, 'timestamp': then.isoformat()}))
        self.wait_for_messages(1)

    def test_report_on_untrusted_transport_is_not_recorded(self):
        self.prepare(transport={'trusted': 'false'})
        self.start_bound()
        api = self.host_api()
        samples.record(api)
        # Forged, with the topic of other notifications.
        self.publish(json.dumps({
            'oslo.version': '2.0', 'oslo.message': self.build_report()}))
        listening.wait_for(lambda: self.count('ignored') == 1)
        self.assertEqual(
            1, self.usermsg.metrics.registry.get_sample_value(
                'usermsg_listener_ignored_total', {'reason': 'untrusted'}))
        self.assertEqual([], self.messages())
        self.assertEqual(1, self.vhost.count(report_queue.NAME))

    def test_conflicting_report_is_counted(self):
        self.prepare()
        self.start_bound()
        api = self.host_api()
        samples.record(api, source_id='key')
        samples.record(api, source_id='key', level='INFO')
        listening.wait_for(lambda: self.count('already_reported') == 1)
        [message] = self.messages()
        self.assertEqual('ERROR', message['message_level'])

    def test_lists_need_a_database(self):
        self.prepare()
        api = self.host_api()
        for call in (
                lambda: api.get(samples.request(), samples.VOLUME),
                lambda: api.get_all(samples.request()),
                lambda: api.delete(samples.request(), samples.VOLUME)):
            self.assertRaises(exception.ConfigurationError, call)

    def test_full_queue_refuses_reports(self):
        self.prepare()
        self.vhost.declare(
            report_queue.NAME, arguments={
                'x-max-length': 2, 'x-overflow': 'reject-publish'})
        api = self.host_api()
        for _number in range(4):
            self.assertIsNone(samples.record(api))
        self.assertEqual(2, self.vhost.count(report_queue.NAME))
        self.assertEqual(2, self.count_not_recorded(api))
        self.assertIn('a queue may be full', self.log.output)

    def test_rate_of_a_project_limits_its_reports(self):
        self.prepare()
        api = self.host_api({'record_rate': 0.001, 'record_burst': 1000})
        for _number in range(1002):
            self.assertIsNone(samples.record(api))
        self.assertEqual(1000, self.vhost.count(report_queue.NAME))

    def test_documented_permissions_are_sufficient(self):
        self.prepare()
        text = ' '.join(PAGE.read_text(encoding='utf-8').split())
        self.assertIn(f'for ``{LISTENER}``, ``read`` for ``.*``', text)
        self.assertIn(r'``configure`` for ``usermsg_report\.info`` and for '
                      'its exchange, ``write`` for both, and ``read`` for '
                      'the exchange.', text)
        reported = r'usermsg_report\.info|openstack'
        sender = self.vhost.create_user(
            configure=reported, write=reported, read='openstack')
        self.assertIsNone(samples.record(self.host_api(
            url=self.vhost.url('rabbit', login=sender))))
        self.usermsg = self.runtime(
            tables=False, oslo_messaging_notifications={
                'transport_url': self.vhost.url(
                    'rabbit', login=self.vhost.create_user(
                        configure=LISTENER, write=LISTENER))},
            listener_transport_default={'trusted': 'true',
                                        'exchanges': 'openstack'})
        self.start_bound()
        self.publish(test_consumer.failure())
        self.wait_for_messages(2)
        self.assertNotIn('could not be declared', self.log.output)

    def test_queues_exist_in_every_form(self):
        for number, options in enumerate((
                {'amqp_durable_queues': 'true'},
                {'rabbit_quorum_queue': 'true'},
                {'amqp_auto_delete': 'true'}), 1):
            self.prepare()
            api = self.host_api(**options)
            self.assertIsNone(samples.record(api))
            self.assertEqual(1, self.vhost.count(report_queue.NAME))
            self.start()
            self.wait_for_messages(number)


class TestBroker(HostMixin, test_consumer.ListenerMixin, base.TestCase):

    #: Not shared with other classes, since tests stop it.
    broker_factory = rabbitmq.until_exit()

    def test_reports_survive_a_restart_of_the_broker(self):
        self.prepare(transport={'trusted': 'true'})
        samples.record(self.host_api())
        self.broker.shut_down()
        self.broker.start()
        self.start()
        self.wait_for_messages(1)

    def test_unavailable_broker_is_logged_within_the_timeout(self):
        self.prepare(transport={'trusted': 'true'})
        api = self.host_api({'record_timeout': 5})
        samples.record(api)
        self.broker.kill()
        self.assertIsNone(samples.record(api))
        self.assertEqual(1, self.count_not_recorded(api))
        self.assertIn('NotDelivered: rabbit: 127.0.0.1:', self.log.output)
        self.broker.start()
        self.assertIsNone(samples.record(self.host_api()))
        # No response, as from a host that has failed.
        self.broker.freeze()
        try:
            started_at = time.monotonic()
            self.assertIsNone(samples.record(api))
            self.assertLess(time.monotonic() - started_at, 30)
        finally:
            self.broker.thaw()
        self.assertEqual(2, self.count_not_recorded(api))


class TestConfiguration(base.TestCase):

    def prepare(self, text):
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, self.write('host.conf', text)))

    def assert_refused(self, text, reason):
        self.prepare(text)
        error = self.assertRaises(
            exception.ConfigurationError, message_api.API, transport='bus')
        self.assertIn(reason, str(error))

    def test_transport_that_is_not_for_rabbitmq_is_refused(self):
        self.assert_refused('', 'transport_url is not set')
        self.assert_refused(
            '[oslo_messaging_notifications]\ntransport_url = fake://\n',
            'rabbit://')
        self.assertRaises(exception.InvalidInput, message_api.API,
                          transport='pigeon')

    def test_invalid_message_raises_before_it_is_sent(self):
        self.prepare('[oslo_messaging_notifications]\n'
                     'transport_url = rabbit://a:b@127.0.0.1:1/\n')
        api = message_api.API(transport='bus')
        for values in ({'event_id': 'VOLUME_999999'}, {'level': 'LOUD'},
                       {'source_id': 'import:1'}, {'project_id': 'ü'}):
            self.assertRaises(exception.InvalidInput, samples.record, api,
                              **values)
