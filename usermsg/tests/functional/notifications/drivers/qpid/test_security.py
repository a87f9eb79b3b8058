# SPDX-License-Identifier: Apache-2.0
"""Tests of TLS, certificates and passwords of the driver ``qpid``."""

from usermsg import exception
from usermsg.notifications import errors
from usermsg.tests.fixtures import certificates
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import servers

USER = 'alice'
LOGIN = f'{USER}:{qpid_case.PASSWORD}'
USERS = {USER: qpid_case.PASSWORD}


class Case(qpid_case.QpidCase):

    def start_peer(self, **options):
        peer = servers.require(lambda: qpid_peer.Peer(**options))
        self.addCleanup(peer.stop)
        return peer

    def assert_no_connection(self, peer, url, *texts, **options):
        """Check that no connection opens, and one warning has the cause."""
        driver = self.driver(url, **options)
        host = url.rpartition('@')[2].rpartition('/')[2]
        before = len(self.warnings())
        for _ in range(2):
            self.assert_send_fails(
                errors.NotDelivered, driver, host, *texts, retry=1)
        warning, = self.warnings()[before:]
        for text in (host, *texts):
            self.assertIn(text, warning)
        self.assertEqual([], peer.record('open') + peer.record('message'))


class PasswordTest(Case):

    def test_plain_without_tls_is_used_if_allowed(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.send(self.driver(
            peer.url(LOGIN), allow_plain_without_tls=True))
        login, = peer.record('login')
        self.assertEqual(('PLAIN', USER),
                         (login['mechanism'], login['user']))

    def test_password_is_not_sent_without_tls(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.assert_no_connection(peer, peer.url(LOGIN))
        self.assertEqual([], peer.record('login'))

    def test_rejected_password_does_not_fall_back_to_anonymous(self):
        peer = self.start_peer(mechanisms=['PLAIN', 'ANONYMOUS'],
                               users={USER: 'another'})
        self.assert_no_connection(peer, peer.url(LOGIN), 'password',
                                  allow_plain_without_tls=True)
        self.assertEqual({'PLAIN'}, {
            login['mechanism'] for login in peer.record('login')})

    def test_user_name_does_not_fall_back_to_anonymous(self):
        peer = self.start_peer(mechanisms=['ANONYMOUS'])
        self.assert_no_connection(peer, peer.url(LOGIN), 'PLAIN',
                                  allow_plain_without_tls=True)
        self.assertEqual([], peer.record('login'))

    def test_plain_is_not_used_without_a_user_name(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.assert_no_connection(peer, peer.url(), 'ANONYMOUS')

    def test_anonymous_is_used_without_a_user_name(self):
        peer = self.start_peer(mechanisms=['PLAIN', 'ANONYMOUS'])
        self.send(self.driver(peer.url()))
        login, = peer.record('login')
        self.assertEqual('ANONYMOUS', login['mechanism'])

    def test_password_with_special_characters(self):
        peer = self.start_peer(
            mechanisms=['PLAIN'], users={'a@b': 'p@ss:w/rd% é'})
        self.send(self.driver(peer.url('a%40b:p%40ss%3Aw%2Frd%25%20%C3%A9'),
                              allow_plain_without_tls=True))

    def test_host_that_rejects_the_password_is_skipped(self):
        other = self.start_peer(mechanisms=['PLAIN'], users={})
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.send(self.driver(other.url(LOGIN), peer.url(LOGIN),
                              allow_plain_without_tls=True))

    def test_plain_without_tls_and_the_option_is_invalid(self):
        error = self.assertRaises(
            exception.ConfigurationError, self.driver,
            f'amqp://{LOGIN}@host', sasl_mechanisms='PLAIN')
        self.assertIn('allow_plain_without_tls', str(error))
        self.assertNotIn(qpid_case.PASSWORD, str(error))


class TlsTest(Case):

    def setUp(self):
        super().setUp()
        self.authority = certificates.Authority()
        self.ca = self.write('ca.pem', self.authority.pem)
        other = certificates.Authority('Another authority')
        self.other_ca = self.write('other.pem', other.pem)

    def start_tls(self, *names, **options):
        certificate, key = self.authority.issue(*names or ['127.0.0.1'])
        return self.start_peer(certificate=certificate, key=key, **options)

    def test_password_is_sent_to_a_trusted_server(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS)
        self.send(self.driver(peer.url(LOGIN), ssl_ca_file=self.ca))
        opened, = peer.record('open')
        self.assertEqual((True, 'PLAIN', USER), tuple(
            opened[name] for name in ('tls', 'mechanism', 'user')))

    def test_certificate_for_the_host_name_is_trusted(self):
        peer = self.start_tls('localhost')
        self.send(self.driver(peer.url(host='localhost'),
                              ssl_ca_file=self.ca))

    def test_many_messages_arrive_over_tls(self):
        peer = self.start_tls()
        expected, sent = self.submit(
            self.driver(peer.url(), ssl_ca_file=self.ca), 500)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(expected, [
            message['id'] for message in peer.record('message')])

    def test_certificate_of_an_unknown_authority_is_not_trusted(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS)
        self.assert_no_connection(peer, peer.url(LOGIN), 'certificate',
                                  ssl_ca_file=self.other_ca)
        self.assertEqual([], peer.record('login'))

    def test_private_authority_needs_ssl_ca_file(self):
        peer = self.start_tls()
        self.assert_no_connection(peer, peer.url(), 'certificate')

    def test_certificate_for_another_name_is_not_trusted(self):
        for names, host in ((['another.example'], 'localhost'),
                            (['another.example'], '127.0.0.1'),
                            (['localhost'], '127.0.0.1')):
            peer = self.start_tls(*names, mechanisms=['PLAIN'], users=USERS)
            self.assert_no_connection(
                peer, peer.url(LOGIN, host), 'certificate',
                ssl_ca_file=self.ca)
            self.assertEqual([], peer.record('login'))

    def test_ip_address_outside_the_common_name_is_explained(self):
        peer = self.start_tls('localhost', '127.0.0.1')
        self.assert_no_connection(
            peer, peer.url(), 'IP address must be its common name',
            ssl_ca_file=self.ca)

    def test_amqps_does_not_fall_back_to_a_plain_connection(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        url = peer.url(LOGIN).replace('amqp:', 'amqps:')
        self.assert_no_connection(peer, url, 'TLS', ssl_ca_file=self.ca)
        self.assertEqual([], peer.record('login'))

    def test_amqp_to_a_tls_port_is_explained(self):
        peer = self.start_tls()
        url = peer.url().replace('amqps:', 'amqp:')
        self.assert_no_connection(peer, url, 'TLS')

    def test_client_certificate_authenticates_with_external(self):
        peer = self.start_tls(mechanisms=['EXTERNAL'],
                              client_ca=self.authority.pem)
        self.send(self.driver(peer.url(), ssl_ca_file=self.ca,
                              **self.client_files(self.authority)))
        opened, = peer.record('open')
        self.assertEqual(('EXTERNAL', 'usermsg.example'), (
            opened['mechanism'], opened['certificate']))

    def client_files(self, authority):
        certificate, key = authority.issue('usermsg.example')
        return {'ssl_cert_file': self.write('client.pem', certificate),
                'ssl_key_file': self.write('client.key', key)}

    def test_client_certificate_with_a_password(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS,
                              client_ca=self.authority.pem)
        self.send(self.driver(peer.url(LOGIN), ssl_ca_file=self.ca,
                              **self.client_files(self.authority)))

    def test_missing_client_certificate_is_explained(self):
        peer = self.start_tls(client_ca=self.authority.pem)
        self.assert_no_connection(peer, peer.url(), 'ssl_cert_file',
                                  ssl_ca_file=self.ca)
        self.assertNotIn('speak TLS', self.log_output())

    def test_untrusted_client_certificate_is_explained(self):
        peer = self.start_tls(client_ca=self.authority.pem)
        self.assert_no_connection(
            peer, peer.url(), 'ssl_cert_file', ssl_ca_file=self.ca,
            **self.client_files(certificates.Authority('Unknown authority')))
        self.assertNotIn('speak TLS', self.log_output())

    def test_close_after_handshake_suggests_a_client_certificate(self):
        peer = self.start_tls(closes_after_handshake=True)
        self.assert_no_connection(peer, peer.url(), 'TLS', 'certificate',
                                  ssl_ca_file=self.ca)
        self.assertNotIn('no TLS', self.log_output())

    def test_connection_loss_is_not_explained_as_missing_tls(self):
        peer = self.start_tls()
        driver = self.driver(peer.url(), ssl_ca_file=self.ca)
        self.send(driver)
        peer.kill()
        self.assert_send_fails(errors.NotDelivered, driver, retry=1)
        self.assertIn('connection lost: ', self.log_output())
        self.assertNotIn('speak TLS', self.log_output())

    def test_tls_is_not_suggested_on_a_tls_connection(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS)
        self.assert_no_connection(
            peer, peer.url(LOGIN), 'SASL mechanism', 'SCRAM-SHA-256',
            ssl_ca_file=self.ca, sasl_mechanisms='SCRAM-SHA-256')
        self.assertNotIn('amqps://)', self.log_output())

    def test_hosts_with_and_without_tls_are_combined(self):
        tls, plain = self.start_tls('localhost'), self.start_peer()
        tls.kill()
        driver = self.driver(tls.url(host='localhost'), plain.url(),
                             ssl_ca_file=self.ca)
        self.send(driver)
        plain.kill()
        tls.start()
        self.send(driver)
        self.assertEqual(1, len(tls.record('message')))

    def test_all_messages_arrive_after_tls_connection_losses(self):
        peer = self.start_tls()
        peer.set_rule(
            qpid_case.ADDRESS, do='drop', after=40, times=2, delay=0.05)
        expected, sent = self.submit(
            self.driver(peer.url(), ssl_ca_file=self.ca), 200)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(
            expected, qpid_case.unique_ids(peer.record('message')))
