# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage notification watch`` with servers of AMQP 1.0."""

import json
import signal
import socket
import subprocess
import time

from usermsg import config
from usermsg import exception
from usermsg.notifications.drivers.qpid import subscription
from usermsg.notifications.drivers import received_message
from usermsg.tests.fixtures import certificates
from usermsg.tests.fixtures import notification_case
from usermsg.tests.fixtures import qpid_brokers
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import servers

TOKEN = 'a-token-of-somebody'
REFUSED = ' does not grant copies of what comes to '


class TestCase(notification_case.TestCase):

    def configure_qpid(self, *hosts, drivers=('qpid',), url=None, **options):
        self.configure(*drivers, url=url)
        with open(self.config, 'a', encoding='utf-8') as stream:
            stream.write('[oslo_messaging_qpid]\n' + ''.join(
                f'{name} = {value}\n' for name, value in {
                    'hosts': ','.join(hosts), 'connect_timeout': 60,
                    'allow_plain_without_tls': True, **options}.items()))

    def start(self, server):
        found = servers.require(server)
        self.addCleanup(found.stop)
        return found

    def subscribe(self, **how):
        """What the command makes of the configuration."""
        found = subscription.of(
            config.load_config(['--config-file', self.config]), **how)
        self.addCleanup(found.close)
        return found

    def listen(self, *arguments):
        """Begin to listen; returns the process."""
        process = subprocess.Popen(
            [*notification_case.MANAGE, self.config, 'notification', 'watch',
             *arguments],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process


class TestWithRabbitMQ(TestCase):

    def setUp(self):
        super().setUp()
        self.broker = servers.require(rabbitmq.shared)
        self.vhost = self.broker.create_vhost()
        self.addCleanup(self.vhost.delete)
        self.vhost.declare('audit', 'openstack', 'notifications.#')
        self.configure_qpid(
            f'amqp://{self.broker.user}:{self.broker.password}@'
            f'{self.broker.host}:{self.broker.port}',
            drivers=('rabbit', 'qpid'), url=self.vhost.url('rabbit'),
            vhost=f'vhost:{self.vhost.name}',
            address='/exchange/openstack/{topic}.{priority}')

    def queues(self):
        return {queue['name'] for queue in self.broker.ask(
            'GET', f'queues/{self.vhost.name}')}

    def test_what_qpid_sends_is_shown_over_amqp_0_9_1(self):
        listener = self.listen('--count', '2', '--format', 'json')
        self.assertIn('exchange openstack', listener.stderr.readline())
        sent = []
        for driver in ('qpid', 'rabbit'):
            output, _errors = self.manage(
                'notification', 'send', '--driver', driver)
            self.assertIn(f'\n{driver}: delivered\n', output)
            sent.append(output[:36])
        output, errors = listener.communicate(timeout=120)
        self.assertEqual((0, ''), (listener.returncode, errors))
        self.assertEqual(sent, [json.loads(line)['message_id']
                                for line in output.splitlines()])

    def test_it_takes_from_a_queue_only_when_told_to(self):
        sent = self.manage('notification', 'send', '--driver', 'qpid')[0][:36]
        queue = ['--address', '/amq/queue/audit']
        _output, errors = self.manage(
            'notification', 'watch', '--driver', 'qpid', *queue, status=1)
        self.assertIn(' is RabbitMQ, which gives no copies ', errors)
        self.assertNotIn(self.broker.password, errors)
        # A queue would be left behind, so not even then.
        for node in (None, '/exchange/openstack/#', '/topic/x.y', '/queue/x',
                     'x'):
            self.assertRaises(received_message.Harmful, self.subscribe(
                node=node, take=True).open)
        self.assertEqual({'audit'}, self.queues())
        self.assertEqual(1, self.vhost.count('audit'))
        output, _errors = self.manage(
            'notification', 'watch', '--driver', 'qpid', *queue, '--take',
            '--count', '1', '--format', 'json')
        self.assertEqual(sent, json.loads(output)['message_id'])
        self.assertEqual(0, self.vhost.count('audit'))


class TestWithProtonsBroker(TestCase):

    def test_it_takes_only_when_told_to(self):
        broker = self.start(qpid_brokers.CBroker)
        self.configure_qpid(broker.url())
        sent = [self.manage('notification', 'send',
                            '--priority', priority)[0][:36]
                for priority in ('INFO', 'WARN')]
        _output, errors = self.manage('notification', 'watch', status=1)
        self.assertRegex(
            errors, f'^{broker.url()}{REFUSED}notifications.audit, .* --take')
        output, _errors = self.manage(
            'notification', 'watch', '--take', '--count', '1',
            '--priority', 'info', '--format', 'json')
        self.assertEqual(sent[0], json.loads(output)['message_id'])
        self.assertEqual(sent[1], qpid_brokers.receive(
            broker.url(), 'notifications.warn', 1)[0].id)


class PeerCase(TestCase):

    def start_peer(self, **options):
        return self.start(lambda: qpid_peer.Peer(**options))

    def numbers(self, found, count):
        """Of so many that come; None for what is none."""
        seen = []
        end = time.monotonic() + qpid_case.PATIENCE
        while len(seen) < count:
            self.assertLess(time.monotonic(), end, seen)
            for one in found.read(0.2):
                self.assertNotIn(TOKEN, str(one))
                seen.append(one and one['payload']['number'])
                if len(seen) == count:
                    break
        return seen

    def note(self, number, priority='INFO', envelope=None, text='', **message):
        body = json.dumps(qpid_case.note(
            priority=priority, payload={'number': number, 'text': text}))
        if envelope:
            body = json.dumps({
                'request': {'oslo.version': '2.0', 'oslo.message': body},
                'context': {'auth_token': TOKEN}})
        return {'body': body, 'inferred': True, **message}


class TestAnswers(PeerCase):

    def test_copies_are_shown_in_each_envelope(self):
        peer = self.start_peer()
        peer.tell('notifications.info', mode='copy', has=[
            self.note(1), self.note(2, envelope='amqp1'),
            {'body': 'no JSON'}, {'body': {'a': 'map'}}, {},
            {'body': 10 ** 12}, self.note(3)])
        self.configure_qpid(peer.url())
        found = self.subscribe(priorities=['info'])
        self.assertEqual(f'{peer.url()}, notifications.info', found.open())
        self.assertEqual([1, 2, *[None] * 4, 3], self.numbers(found, 7))

    def test_a_long_one_is_read_and_its_end_too(self):
        peer = self.start_peer()
        text = 'x' * received_message.LONGEST
        peer.tell('all', mode='copy', has=[
            self.note(1, text=text[:3_000_000]), self.note(2, text=text),
            self.note(3)])
        self.configure_qpid(peer.url(), address='all')
        found = self.subscribe()
        found.open()
        self.assertEqual([1, None, 3], self.numbers(found, 3))

    def test_without_copies_nothing_is_taken(self):
        peer = self.start_peer()
        self.configure_qpid(peer.url(), address='all')
        # One that repeats what it is asked, copies included, copies nothing.
        for mode in ('repeated', 'move', 'untold'):
            peer.tell('all', mode=mode, has=[self.note(1)])
            error = self.assertRaises(
                received_message.Harmful, self.subscribe().open)
            self.assertIn(f'{peer.url()}{REFUSED}all: ', str(error))
        self.assertEqual([], peer.record('given'))

    def test_only_as_many_are_taken_as_are_shown(self):
        peer = self.start_peer()
        for address in ('notifications.info', 'notifications.warn'):
            peer.tell(address, has=[self.note(each) for each in range(3)])
        self.configure_qpid(peer.url())
        found = self.subscribe(take=True, most=2)
        found.open()
        self.assertEqual([0, 1], sorted(self.numbers(found, 2)))
        found.close()
        peer.wait_for(1, 'gone')
        self.assertEqual(['accept'] * 2, [
            one['outcome'] for one in peer.record('outcome')])

    def test_an_exchange_of_qpidd_gives_what_is_asked_for(self):
        peer = self.start_peer(product='qpid-cpp')
        peer.tell('openstack', mode='untold', has=[
            self.note(1, subject='other.info'),
            self.note(2, subject='notifications.info'),
            self.note(3, 'WARN', subject='notifications.warn'), self.note(4)])
        self.configure_qpid(peer.url(), address='openstack')
        for how, expected in (({}, [2, 3, 4]), ({'topics': ['other']}, [1, 4]),
                              ({'priorities': ['warn']}, [3]),
                              ({'node': 'openstack'}, [1, 2, 3, 4])):
            found = self.subscribe(**how)
            found.open()
            self.assertEqual(expected, self.numbers(found, len(expected)))

    def test_nodes_that_are_not_there_are_named(self):
        peer = self.start_peer()
        for address in ('absent.info', 'notifications.info'):
            peer.tell(address, attach='refuse', condition='amqp:not-found',
                      description='no such node')
        peer.tell('notifications.warn', mode='copy')
        self.configure_qpid(peer.url())
        self.assertEqual(
            f'{peer.url()}, notifications.warn; not to notifications.info: '
            'amqp:not-found (no such node)',
            self.subscribe(priorities=['info', 'warn']).open())
        error = self.assertRaises(received_message.Lost, self.subscribe(
            topics=['absent'], priorities=['info']).open)
        self.assertEqual(f'{peer.url()}: absent.info: amqp:not-found '
                         '(no such node)', str(error))

    def test_a_node_that_is_deleted_is_told(self):
        peer = self.start_peer()
        for how, expected in (('detach', 'amqp:resource-deleted'),
                              ('suspend', 'without a reason')):
            peer.tell('all', mode='copy')
            self.configure_qpid(peer.url(), address='all')
            found = self.subscribe()
            found.open()
            peer.tell('all', now=how, condition='amqp:resource-deleted')
            error = self.assertRaises(
                received_message.Lost,
                lambda found=found: self.numbers(found, 1))
            self.assertEqual(f'{peer.url()}: all: {expected}', str(error))

    def test_what_cannot_be_kept_is_refused(self):
        for address, how, expected in (
                ('a', {'exchange': 'x'}, '--exchange: '),
                ('{topic}', {'priorities': ['info'], 'take': True},
                 '--priority: '),
                ('a', {'topics': ['x'], 'take': True}, '--topic: ')):
            self.configure_qpid('amqp://127.0.0.1:1', address=address)
            error = self.assertRaises(
                exception.ConfigurationError, self.subscribe, **how)
            self.assertTrue(str(error).startswith(expected), error)


class TestCommand(PeerCase):

    def test_it_goes_on_at_another_host_until_it_is_ended(self):
        first, second = self.start_peer(), self.start_peer()
        for peer in (first, second):
            peer.tell('all', mode='copy', has=[self.note(1)])
        second.kill()
        self.configure_qpid(first.url(), second.url(), address='all')
        process = self.listen()
        self.assertIn(first.url(), process.stderr.readline())
        second.start()
        first.kill()
        self.assertRegex(process.stderr.readline(),
                         f'^The server of AMQP 1.0 is gone: {first.url()}: ')
        self.assertIn(second.url(), process.stderr.readline())
        for _ in range(2):
            self.assertIn(' INFO image.update ', process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(('', ''), process.communicate(timeout=120))
        self.assertEqual(0, process.returncode)

    def test_one_that_says_nothing_holds_up_no_end(self):
        with socket.create_server(('127.0.0.1', 0)) as silent:
            url = f'amqp://127.0.0.1:{silent.getsockname()[1]}'
            self.configure_qpid(url, connect_timeout=100)
            _output, errors = self.manage(
                'notification', 'watch', '--timeout', '0.1', status=1)
            self.assertEqual('', errors)
            process = self.listen('--count', '1')
            silent.accept()[0].close()  # of the first one
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                self.assertEqual(('', ''), process.communicate(timeout=60))
        self.assertEqual(130, process.returncode)

    def test_who_is_not_let_in_or_not_trusted_is_told_once(self):
        certificate, key = certificates.Authority().issue('127.0.0.1')
        login = f'usermsg:{notification_case.PASSWORD}'
        for options, cause in (
                ({'mechanisms': ['PLAIN'], 'users': {'usermsg': 'other'}},
                 'it does not let us in with our user name and password: '),
                ({'certificate': certificate, 'key': key},
                 'its certificate is not trusted, ')):
            peer = self.start_peer(**options)
            self.configure_qpid(peer.url(login))
            output, errors = self.manage('notification', 'watch', status=1)
            self.assertEqual('', output)
            self.assertRegex(
                errors, f'^The server of AMQP 1.0 cannot be used: '
                f'{peer.url()}: {cause}.*\n$')

    def test_rabbit_has_nothing_to_take(self):
        self.configure('rabbit')
        _output, errors = self.manage(
            'notification', 'watch', '--take', status=1)
        self.assertEqual('--take: only with --driver qpid.\n', errors)
