# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``qpid`` in programs that exit, fork or lack Proton."""

from concurrent import futures
import http.client
import json
import subprocess
import sys
import textwrap

from usermsg.tests.fixtures import certificates
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import servers

_BEGIN = '''
import sys
from oslo_config import cfg
from usermsg.notifications.drivers.qpid import driver as qpid
from usermsg.notifications import notification

conf = cfg.ConfigOpts()
conf(['--config-file', sys.argv[1]], project='service')

def body(number=0):
    return notification.Notification('an.event', number).body()

def driver():
    return qpid.QpidDriver(conf, ['notifications'])
'''


class ProgramTest(qpid_case.QpidCase):

    def start_peer(self, **options):
        peer = servers.require(lambda: qpid_peer.Peer(**options))
        self.addCleanup(peer.stop)
        return peer

    def run_program(self, text, *hosts, **options):
        """Run a program that must succeed; return its output."""
        self.conf(*hosts, **options)
        done = subprocess.run(
            [sys.executable, '-X', 'faulthandler', '-W', 'ignore', '-c',
             _BEGIN + textwrap.dedent(text), str(self.home / 'qpid.conf')],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=qpid_case.TIMEOUT)
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout

    def test_exit_waits_for_messages_in_flight(self):
        authority = certificates.Authority()
        certificate, key = authority.issue('localhost')
        tls = self.start_peer(certificate=certificate, key=key)
        plain = self.start_peer()
        for peer, url in ((plain, plain.url()),
                          (tls, tls.url(host='localhost'))):
            # No message is confirmed before the last line of the program.
            peer.set_rule(qpid_case.ADDRESS, delay=0.2)
            output = self.run_program(
                '''
                sending = driver()
                for number in range(1000):
                    sending.submit({}, body(number), 'info')
                ''', url, drain_timeout=qpid_case.TIMEOUT,
                ssl_ca_file=self.write('ca.pem', authority.pem))
            self.assertEqual('', output)
            numbers = [
                json.loads(json.loads(message['body'])['request'][
                    'oslo.message'])['payload']
                for message in peer.record('message')]
            self.assertEqual(list(range(1000)), numbers)

    def test_exit_while_threads_send_is_clean(self):
        peer = self.start_peer()
        output = self.run_program('''
            import threading
            sending = driver()
            started = threading.Barrier(5)

            def work():
                sending.notify({}, body(), 'info', -1)
                started.wait()
                try:
                    while True:
                        sending.notify({}, body(), 'info', -1)
                except Exception as error:
                    # No thread can continue after the exit of its program.
                    print(type(error).__name__)

            for _ in range(4):
                threading.Thread(target=work, daemon=True).start()
            started.wait()
            ''', peer.url())
        # Threads that print at once share a line.
        self.assertEqual('', ''.join(output.split()).replace(
            'NotDelivered', ''))

    def test_driver_without_proton_can_be_imported_but_not_created(self):
        self.assertIn('python-qpid-proton', self.run_program('''
            assert 'proton' not in sys.modules

            class Hidden:
                def find_spec(self, name, path=None, target=None):
                    if name.partition('.')[0] in ('proton', 'cproton'):
                        raise ModuleNotFoundError(name=name)

            sys.meta_path.insert(0, Hidden())
            from usermsg import exception
            try:
                driver()
            except exception.ConfigurationError as error:
                print(error)
            ''', 'amqp://host'))

    def without(self, part, *hosts):
        """Create a driver with a Proton that lacks a feature.

        :returns: "created", or the error
        """
        return self.run_program(f'''
            import proton
            from usermsg import exception
            proton.{part} = staticmethod(lambda: False)
            try:
                driver()
                print('created')
            except exception.ConfigurationError as error:
                print(error)
            ''', *hosts)

    def test_proton_without_tls_fails_only_with_amqps_hosts(self):
        self.assertEqual(
            'created\n', self.without('SSL.present', 'amqp://host'))
        output = self.without('SSL.present', 'amqp://host', 'amqps://other')
        for text in ('python-qpid-proton', 'TLS', 'libssl-dev'):
            self.assertIn(text, output)

    def test_proton_without_sasl_fails_only_with_a_user_name(self):
        self.assertEqual('created\n',
                         self.without('SASL.extended', 'amqp://host'))
        output = self.without('SASL.extended',
                              f'amqps://me:{qpid_case.PASSWORD}@host')
        for text in ('python-qpid-proton', 'SASL', 'libsasl2-dev'):
            self.assertIn(text, output)
        self.assertNotIn(qpid_case.PASSWORD, output)


class ForkingServerTest(qpid_case.QpidCase):

    def test_uwsgi_workers_have_separate_connections(self):
        peer = servers.require(qpid_peer.Peer)
        self.addCleanup(peer.stop)
        self.conf(peer.url())
        server = servers.require(lambda: servers.Uwsgi(
            'usermsg.tests.fixtures.qpid_wsgi',
            env={'TEST_QPID_CONF': str(self.home / 'qpid.conf')},
            options=['--processes', '3']))
        self.addCleanup(server.stop)
        # Each worker is busy for so long that the others handle the next
        # requests.
        peer.set_rule(qpid_case.ADDRESS, delay=0.5)
        with futures.ThreadPoolExecutor(6) as pool:
            responses = list(pool.map(self.get, [server.port] * 6))
        self.assertEqual(3, len(set(responses)))
        # One connection of the process that loaded it, one of each worker.
        texts = {}
        for message in peer.record('message'):
            sent = json.loads(
                json.loads(message['body'])['request']['oslo.message'])
            texts.setdefault(sent['payload'], set()).add(
                message['connection'])
        self.assertEqual({'before the fork', *responses}, set(texts))
        self.assertEqual(
            [1] * 4, [len(connections) for connections in texts.values()])
        self.assertEqual(4, len(peer.record('open')))

    def get(self, port):
        connection = http.client.HTTPConnection(
            '127.0.0.1', port, timeout=qpid_case.TIMEOUT)
        self.addCleanup(connection.close)
        connection.request('GET', '/')
        response = connection.getresponse()
        text = response.read().decode()
        self.assertEqual(200, response.status, text)
        return text
