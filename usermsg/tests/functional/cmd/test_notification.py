# SPDX-License-Identifier: Apache-2.0
"""Tests of ``usermsg-manage notification``, with a real RabbitMQ."""

import json
import re
import signal
import subprocess
import time

import amqp

from usermsg.tests.fixtures import notification_case
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import servers


class TestSend(notification_case.TestCase):

    def unavailable_url(self):
        return (f'rabbit://usermsg:{notification_case.PASSWORD}@127.0.0.1:'
                f'{servers.free_port()}/')

    def test_send_without_a_sending_driver_fails(self):
        for drivers in ((), ('noop',)):
            self.configure(*drivers)
            output, _errors = self.manage('notification', 'send', status=1)
            self.assertEqual(
                '[oslo_messaging_notifications] driver names no driver that '
                'sends notifications (noop does not): nothing was sent.\n',
                output)
        output, _errors = self.manage(
            'notification', 'send', '--driver', 'noop', status=1)
        self.assertEqual('--driver names no driver that sends notifications '
                         '(noop does not): nothing was sent.\n', output)

    def test_send_prints_the_result_of_each_driver(self):
        log = self.home / 'service.log'
        self.configure('rabbit', 'noop', 'logging', url=self.unavailable_url(),
                       log_file=log)
        output, _errors = self.manage('notification', 'send', status=1)
        head, *lines = output.splitlines()
        matched = re.fullmatch(
            r'([0-9a-f-]{36}): usermsg\.test, INFO, from here', head)
        self.assertIsNotNone(matched, head)
        # The drivers run in the order of loading.
        logged, sent_nothing, failed = sorted(lines)
        self.assertEqual('logging: delivered', logged)
        self.assertEqual('noop: sends nothing', sent_nothing)
        self.assertRegex(failed, r'^rabbit: failed: rabbit: 127\.0\.0\.1:\d+'
                                 r': .*refused$')
        # In the log file of the service, not in the output.
        self.assertIn(matched[1], log.read_text(encoding='utf-8'))

    def test_send_without_a_log_handler_fails(self):
        log = self.home / 'service.log'
        for handler, status, expected in (
                ('null', 1, 'logging: failed: logging: no log handler accepts '
                 'the notification; '),
                ('file', 0, 'logging: delivered')):
            self.configure('logging', log_config_append=self.write(
                'logging.conf', '\n'.join([
                    '[loggers]', 'keys = root',
                    '[handlers]', 'keys = null, file',
                    '[formatters]', 'keys =',
                    '[logger_root]', f'handlers = {handler}',
                    '[handler_null]', 'class = logging.NullHandler',
                    'args = ()',
                    '[handler_file]', 'class = FileHandler',
                    f'args = ({str(log)!r}, "a", None, True)', ''])))
            output, _errors = self.manage(
                'notification', 'send', status=status)
            self.assertIn(f'\n{expected}', output)
            self.assertEqual(status == 0, log.exists())

    def test_send_with_options_sends_the_given_notification(self):
        self.configure('rabbit', url=self.unavailable_url())
        end = subprocess.run(
            [*notification_case.MANAGE, self.config, 'notification', 'send',
             '--driver', 'logging', '--event-type', 'image.delete',
             '--priority', 'warn', '--payload', '-'],
            input='{"id": "an image"}', text=True, capture_output=True,
            timeout=120)
        self.assertEqual(0, end.returncode, end)
        self.assertRegex(end.stdout, r': image\.delete, WARN, from here\n'
                                     r'logging: delivered\n$')
        # Without a log file, the service logs to standard error.
        sent = json.loads(re.search(r'\{.*\}', end.stderr)[0])
        self.assertEqual(('image.delete', 'WARN', {'id': 'an image'}), (
            sent['event_type'], sent['priority'], sent['payload']))

    def test_send_with_a_driver_that_hides_failures_fails(self):
        self.configure('messagingv2', url=self.unavailable_url(),
                       log_file=self.home / 'service.log')
        with open(self.config, 'a', encoding='utf-8') as stream:
            stream.write('[oslo_messaging_rabbit]\nrabbit_retry_interval=1\n')
        output, _errors = self.manage('notification', 'send', status=1)
        self.assertIn('\nmessagingv2: handed over; this driver does not '
                      'report whether it was delivered\n', output)


class TestWatch(notification_case.TestCase):

    def setUp(self):
        super().setUp()
        broker = servers.require(rabbitmq.shared)
        self.vhost = broker.create_vhost()
        self.addCleanup(self.vhost.delete)
        self.configure('rabbit', url=self.vhost.url('rabbit'))

    def watch(self, *arguments):
        """Start "notification watch"; return the process."""
        process = subprocess.Popen(
            [*notification_case.MANAGE, self.config,
                'notification', 'watch', *arguments],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        self.assertRegex(line, r'^Listening to 127\.0\.0\.1:\d+, exchange ')
        return process

    def end(self, process):
        output, errors = process.communicate(timeout=120)
        self.assertNotIn('Traceback', errors)
        self.assertNotIn(self.vhost.broker.password, output + errors)
        return process.returncode, output, errors

    def queues(self):
        return {queue['name'] for queue in self.vhost.broker.request(
            'GET', f'queues/{self.vhost.name}')}

    def publish(self, body, key='notifications.info'):
        with self.vhost.connection() as connection:
            connection.channel().basic_publish(
                amqp.Message(body), 'openstack', key)

    def test_watch_prints_copies_of_sent_notifications(self):
        process = self.watch('--count', '1', '--format', 'json')
        output, _errors = self.manage(
            'notification', 'send', '--priority', 'ERROR')
        self.assertRegex(output, '\nrabbit: delivered\n$')
        status, line, _errors = self.end(process)
        self.assertEqual(0, status)
        shown = json.loads(line)
        self.assertEqual(output[:36], shown['message_id'])
        self.assertEqual(
            {'message_id', 'publisher_id', 'event_type', 'priority',
             'timestamp', 'payload'}, set(shown))
        # Its consumer can still read it, and no other queue exists.
        self.assertEqual({'notifications.error'}, self.queues())
        [kept] = self.vhost.read('notifications.error')
        self.assertIn(shown['message_id'], kept.body)

    def test_watch_prints_notifications_of_the_driver_qpid(self):
        broker = self.vhost.broker
        with open(self.config, 'a', encoding='utf-8') as stream:
            stream.write(f"""
[oslo_messaging_qpid]
hosts = amqp://{broker.user}:{broker.password}@{broker.host}:{broker.port}
vhost = vhost:{self.vhost.name}
address = /exchange/openstack/{{topic}}.{{priority}}
allow_plain_without_tls = true
connect_timeout = 60
""")
        self.vhost.declare('audit', 'openstack', 'notifications.#')
        process = self.watch('--count', '1', '--format', 'json')
        output, _errors = self.manage(
            'notification', 'send', '--driver', 'qpid')
        self.assertIn('\nqpid: delivered\n', output)
        status, line, _errors = self.end(process)
        self.assertEqual(0, status)
        self.assertEqual(output[:36], json.loads(line)['message_id'])

    def test_killed_watch_leaves_no_queue(self):
        process = self.watch()
        self.assertEqual(1, len(self.queues()))
        process.kill()
        process.wait()
        end = time.monotonic() + 60
        while self.queues():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_watch_reports_messages_that_are_no_notifications(self):
        process = self.watch()
        self.publish('no JSON')
        self.publish('["no notification"]', 'notifications.other')
        self.publish(json.dumps({
            'message_id': 'an id', 'publisher_id': 'a\x1b[2Jhost',
            'event_type': 'x.y', 'priority': 'SAMPLE', 'timestamp': 'now',
            'payload': {'text': '\x9b1m'},
            '_context_auth_token': notification_case.PASSWORD}),
            'notifications.sample')
        self.assertEqual(
            'now SAMPLE x.y a\\u001b[2Jhost an id {"text": "\\u009b1m"}\n',
            process.stdout.readline())
        process.send_signal(signal.SIGINT)
        status, output, errors = self.end(process)
        self.assertEqual((0, ''), (status, output))
        self.assertEqual(['Ignored a message that is not a notification, or '
                          'is longer than 16 MiB.'] * 2, errors.splitlines())

    def test_watch_with_filters_ends_after_the_timeout(self):
        process = self.watch('--topic', 'other', '--priority', 'warn',
                             '--exchange', 'glance', '--timeout', '5',
                             '--count', '2')
        self.publish('{}')
        self.assertEqual((1, ''), self.end(process)[:2])

    def test_watch_reconnects_after_a_connection_loss(self):
        process = self.watch('--count', '1')
        self.vhost.broker.control(
            'close_all_connections', '--vhost', self.vhost.name, 'because')
        self.assertRegex(process.stderr.readline(),
                         '^Connection to RabbitMQ lost: .*because.* '
                         'Notifications sent until ')
        self.assertRegex(process.stderr.readline(), '^Listening to ')
        self.manage('notification', 'send')
        status, output, _errors = self.end(process)
        self.assertEqual(0, status)
        self.assertIn(' INFO usermsg.test here ', output)

    def test_watch_ends_when_its_output_is_closed(self):
        process = self.watch()
        process.stdout.close()
        self.manage('notification', 'send')
        self.assertEqual(0, process.wait(120))
        self.assertEqual('', process.stderr.read())


class TestInput(notification_case.TestCase):

    def test_send_with_an_invalid_option_names_it(self):
        self.configure('logging')
        for arguments, status, expected in (
                (['--driver', 'pigeon'], 1,
                 '--driver: there is no driver "pigeon".\n'),
                (['--event-type', ''], 2,
                 'argument --event-type: must not be empty.\n'),
                (['--payload', '{"a'], 2,
                 'argument --payload: not valid JSON (line 1, column 2)\n'),
                (['--payload', 'NaN'], 2,
                 'argument --payload: not valid JSON\n'),
                (['--priority', 'audit'], 2, 'argument --priority: '),
                (['--event-type', 'x' * 65], 2, 'argument --event-type: ')):
            output, errors = self.manage(
                'notification', 'send', *arguments, status=status)
            self.assertEqual('', output)
            self.assertIn(expected, errors)

    def test_watch_without_a_broker_prints_one_line(self):
        port = servers.free_port()
        for drivers, url, expected in (
                (['rabbit'],
                 f'rabbit://u:{notification_case.PASSWORD}@127.0.0.1:{port}/',
                 rf'Cannot connect to RabbitMQ: 127\.0\.0\.1:{port}: '
                 '.*refused'),
                (['rabbit'], 'fake://',
                 r'\[oslo_messaging_notifications\] transport_url: .*fake.*'),
                (['rabbit', 'qpid'], 'fake://',
                 r'\[oslo_messaging_notifications\] transport_url: .*fake.*')):
            self.configure(*drivers, url=url)
            output, errors = self.manage('notification', 'watch', status=1)
            self.assertEqual('', output)
            self.assertRegex(errors, f'^{expected}\n$')

    def test_watch_of_the_driver_qpid_is_refused(self):
        for drivers, arguments in ((['qpid'], []), (['qpid', 'logging'], []),
                                   (['rabbit'], ['--driver', 'qpid'])):
            self.configure(*drivers, url='rabbit://127.0.0.1:1/')
            output, errors = self.manage(
                'notification', 'watch', *arguments, status=1)
            self.assertEqual('', output)
            self.assertRegex(
                errors, '^qpid: servers of AMQP 1.0 are not supported by this '
                'command. .*qpid-receive.*--driver rabbit.*\n$')
        # --driver rabbit overrides the configured driver.
        self.configure('qpid', url='rabbit://127.0.0.1:1/')
        _output, errors = self.manage(
            'notification', 'watch', '--driver', 'rabbit', status=1)
        self.assertRegex(errors, '^Cannot connect to RabbitMQ: ')

    def test_watch_with_an_invalid_option_names_it(self):
        self.configure('rabbit')
        for option, value in (('--priority', 'x'), ('--topic', ''),
                              ('--timeout', '-1'), ('--count', '0'),
                              ('--exchange', 'ä')):
            _output, errors = self.manage(
                'notification', 'watch', option, value, status=2)
            self.assertIn(f'argument {option}: ', errors)
