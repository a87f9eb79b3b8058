# SPDX-License-Identifier: Apache-2.0
"""The driver ``qpid``, whom it trusts and to whom it shows a password."""

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

    def assertTurnedAway(self, peer, url, *named, **options):
        """Said once, with host and cause; no message, no open connection."""
        driver = self.driver(url, **options)
        host = url.rpartition('@')[2].rpartition('/')[2]
        before = len(self.warnings())
        for _ in range(2):
            self.refusal(errors.NotDelivered, driver, host, *named, retry=1)
        warning, = self.warnings()[before:]
        for text in (host, *named):
            self.assertIn(text, warning)
        self.assertEqual([], peer.record('open') + peer.record('message'))


class PasswordTest(Case):

    def test_a_user_is_let_in_if_that_was_allowed_without_tls(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.send(self.driver(
            peer.url(LOGIN), allow_plain_without_tls=True))
        login, = peer.record('login')
        self.assertEqual(('PLAIN', USER),
                         (login['mechanism'], login['user']))

    def test_a_password_is_not_shown_to_whoever_listens(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.assertTurnedAway(peer, peer.url(LOGIN))
        self.assertEqual([], peer.record('login'))

    def test_a_wrong_password_is_not_tried_without(self):
        peer = self.start_peer(mechanisms=['PLAIN', 'ANONYMOUS'],
                               users={USER: 'another'})
        self.assertTurnedAway(peer, peer.url(LOGIN), 'password',
                              allow_plain_without_tls=True)
        self.assertEqual({'PLAIN'}, {
            login['mechanism'] for login in peer.record('login')})

    def test_who_has_a_password_is_not_anonymous(self):
        peer = self.start_peer(mechanisms=['ANONYMOUS'])
        self.assertTurnedAway(peer, peer.url(LOGIN), 'PLAIN',
                              allow_plain_without_tls=True)
        self.assertEqual([], peer.record('login'))

    def test_without_a_user_name_no_password_is_invented(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.assertTurnedAway(peer, peer.url(), 'ANONYMOUS')

    def test_without_a_user_name_it_is_anonymous(self):
        peer = self.start_peer(mechanisms=['PLAIN', 'ANONYMOUS'])
        self.send(self.driver(peer.url()))
        login, = peer.record('login')
        self.assertEqual('ANONYMOUS', login['mechanism'])

    def test_a_password_may_have_any_characters(self):
        peer = self.start_peer(
            mechanisms=['PLAIN'], users={'a@b': 'p@ss:w/rd% é'})
        self.send(self.driver(peer.url('a%40b:p%40ss%3Aw%2Frd%25%20%C3%A9'),
                              allow_plain_without_tls=True))

    def test_a_host_with_the_right_password_is_found(self):
        other = self.start_peer(mechanisms=['PLAIN'], users={})
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        self.send(self.driver(other.url(LOGIN), peer.url(LOGIN),
                              allow_plain_without_tls=True))

    def test_plain_without_tls_must_be_allowed(self):
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

    def test_a_trusted_server_gets_the_password(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS)
        self.send(self.driver(peer.url(LOGIN), ssl_ca_file=self.ca))
        opened, = peer.record('open')
        self.assertEqual((True, 'PLAIN', USER), tuple(
            opened[name] for name in ('tls', 'mechanism', 'user')))

    def test_a_certificate_is_checked_for_the_name(self):
        peer = self.start_tls('localhost')
        self.send(self.driver(peer.url(host='localhost'),
                              ssl_ca_file=self.ca))

    def test_many_arrive_over_tls(self):
        peer = self.start_tls()
        wanted, sent = self.submit(
            self.driver(peer.url(), ssl_ca_file=self.ca), 500)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(wanted, [
            message['id'] for message in peer.record('message')])

    def test_an_unknown_authority_is_not_trusted(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS)
        self.assertTurnedAway(peer, peer.url(LOGIN), 'certificate',
                              ssl_ca_file=self.other_ca)
        self.assertEqual([], peer.record('login'))

    def test_the_authorities_of_the_system_do_not_vouch_for_ours(self):
        peer = self.start_tls()
        self.assertTurnedAway(peer, peer.url(), 'certificate')

    def test_a_certificate_for_another_name_is_not_trusted(self):
        for names, host in ((['another.example'], 'localhost'),
                            (['another.example'], '127.0.0.1'),
                            (['localhost'], '127.0.0.1')):
            peer = self.start_tls(*names, mechanisms=['PLAIN'], users=USERS)
            self.assertTurnedAway(peer, peer.url(LOGIN, host), 'certificate',
                                  ssl_ca_file=self.ca)
            self.assertEqual([], peer.record('login'))

    def test_an_address_that_is_no_name_is_named_for_it(self):
        peer = self.start_tls('localhost', '127.0.0.1')
        self.assertTurnedAway(
            peer, peer.url(), 'IP address must be its common name',
            ssl_ca_file=self.ca)

    def test_where_tls_is_expected_nothing_goes_out_without(self):
        peer = self.start_peer(mechanisms=['PLAIN'], users=USERS)
        url = peer.url(LOGIN).replace('amqp:', 'amqps:')
        self.assertTurnedAway(peer, url, 'TLS', ssl_ca_file=self.ca)
        self.assertEqual([], peer.record('login'))

    def test_a_server_that_wants_tls_is_named_for_it(self):
        peer = self.start_tls()
        url = peer.url().replace('amqps:', 'amqp:')
        self.assertTurnedAway(peer, url, 'TLS')

    def test_a_certificate_of_ours_is_who_we_are(self):
        peer = self.start_tls(mechanisms=['EXTERNAL'],
                              client_ca=self.authority.pem)
        self.send(self.driver(
            peer.url(), ssl_ca_file=self.ca, **self.own(self.authority)))
        opened, = peer.record('open')
        self.assertEqual(('EXTERNAL', 'usermsg.example'), (
            opened['mechanism'], opened['certificate']))

    def own(self, authority):
        certificate, key = authority.issue('usermsg.example')
        return {'ssl_cert_file': self.write('own.pem', certificate),
                'ssl_key_file': self.write('own.key', key)}

    def test_a_certificate_goes_with_a_password_too(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS,
                              client_ca=self.authority.pem)
        self.send(self.driver(peer.url(LOGIN), ssl_ca_file=self.ca,
                              **self.own(self.authority)))

    def test_a_server_that_wants_a_certificate_is_named_for_it(self):
        peer = self.start_tls(client_ca=self.authority.pem)
        self.assertTurnedAway(peer, peer.url(), 'ssl_cert_file',
                              ssl_ca_file=self.ca)
        self.assertNotIn('speak TLS', self.logged())

    def test_a_server_that_does_not_trust_our_certificate_is_named(self):
        peer = self.start_tls(client_ca=self.authority.pem)
        self.assertTurnedAway(
            peer, peer.url(), 'ssl_cert_file', ssl_ca_file=self.ca,
            **self.own(certificates.Authority('Unknown authority')))
        self.assertNotIn('speak TLS', self.logged())

    def test_a_server_that_ends_tls_may_want_a_certificate(self):
        peer = self.start_tls(hangs_up=True)
        self.assertTurnedAway(peer, peer.url(), 'TLS', 'certificate',
                              ssl_ca_file=self.ca)
        self.assertNotIn('no TLS', self.logged())

    def test_a_server_that_dies_is_not_said_to_have_no_tls(self):
        peer = self.start_tls()
        driver = self.driver(peer.url(), ssl_ca_file=self.ca)
        self.send(driver)
        peer.kill()
        self.refusal(errors.NotDelivered, driver, retry=1)
        self.assertIn('the connection broke off: ', self.logged())
        self.assertNotIn('speak TLS', self.logged())

    def test_who_has_tls_is_not_told_to_use_it(self):
        peer = self.start_tls(mechanisms=['PLAIN'], users=USERS)
        self.assertTurnedAway(
            peer, peer.url(LOGIN), 'SASL mechanism', 'SCRAM-SHA-256',
            ssl_ca_file=self.ca, sasl_mechanisms='SCRAM-SHA-256')
        self.assertNotIn('amqps://)', self.logged())

    def test_hosts_with_and_without_tls_can_be_mixed(self):
        tls, plain = self.start_tls('localhost'), self.start_peer()
        tls.kill()
        driver = self.driver(tls.url(host='localhost'), plain.url(),
                             ssl_ca_file=self.ca)
        self.send(driver)
        plain.kill()
        tls.start()
        self.send(driver)
        self.assertEqual(1, len(tls.record('message')))

    def test_all_arrive_over_tls_that_breaks(self):
        peer = self.start_tls()
        peer.tell(qpid_case.ADDRESS, do='drop', after=40, times=2, hold=0.05)
        wanted, sent = self.submit(
            self.driver(peer.url(), ssl_ca_file=self.ca), 200)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(wanted, qpid_case.ids(peer.record('message')))
