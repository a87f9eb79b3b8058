# SPDX-License-Identifier: Apache-2.0
import fixtures
from oslo_messaging import conffixture

from usermsg import exception
from usermsg.notifications.drivers.qpid import settings
from usermsg.tests.fixtures import qpid_options


class SettingsTest(qpid_options.Case):

    def test_the_defaults(self):
        found = self.read()
        host, = found.hosts
        self.assertEqual('amqp://localhost:5672', str(host))
        self.assertFalse(found.tls or found.sasl)
        self.assertEqual(('ANONYMOUS',), found.mechanisms[host])
        self.assertEqual('openstack', found.exchange)
        self.assertEqual((), found.capabilities)

    def test_passwords_are_not_shown(self):
        found = self.read(hosts='amqps://me:secret@h',
                          ssl_key_password='secret')
        self.assertNotIn('secret', repr(found))

    def test_reading_it_again_is_possible(self):
        conf = self.conf(max_in_flight=7)
        settings.Settings(conf)
        self.assertEqual(7, settings.Settings(conf).max_in_flight)

    def test_one_configuration_does_not_change_another(self):
        conf = self.conf()
        settings.Settings(conf)
        conf.set_override('max_in_flight', 7, 'oslo_messaging_qpid')
        self.assertEqual(500, self.read().max_in_flight)

    def test_the_exchange_is_that_of_the_service(self):
        conf = self.conf()
        self.useFixture(conffixture.ConfFixture(conf))
        conf.set_override('control_exchange', 'nova')
        self.assertEqual('nova', settings.Settings(conf).exchange)
        conf.set_override('exchange', 'ours', 'oslo_messaging_qpid')
        self.assertEqual('ours', settings.Settings(conf).exchange)

    def test_a_vhost_goes_to_the_address_or_to_the_connection(self):
        self.assertEqual('east', self.read(vhost='east').hostname)
        for address in ('legacy', 'routable', '{vhost}/{topic}'):
            self.assertIsNone(
                self.read(vhost='east', address=address).hostname)

    def test_a_node_can_be_asked_for(self):
        for kind in ('queue', 'topic'):
            self.assertEqual(('create-on-demand', kind),
                             self.read(create=kind).capabilities)

    def test_what_is_wrong_is_named(self):
        self.refused('hosts', hosts='amqp://me:secret@h/v')
        self.refused('address', address='{nobody}')
        self.refused('subject', subject='{nobody}')
        self.refused('max_in_flight', max_in_flight=0)
        self.refused('max_in_flight', max_in_flight='many')
        self.refused('envelope', envelope='paper')
        self.refused('connect_timeout', connect_timeout=0)
        self.refused('ssl_ca_file', '/nowhere', ssl_ca_file='/nowhere')
        pem = self.write('a.pem', '')
        self.refused('ssl_cert_file', 'ssl_key_file', ssl_cert_file=pem)
        self.refused('ssl_cert_file', 'ssl_key_file', ssl_key_file=pem)

    def test_an_invalid_value_is_named_with_its_file(self):
        error = self.assertRaises(
            exception.ConfigurationError, self.read, connect_timeout='soon')
        self.assertTrue(str(error).startswith(
            f'{self.home}/other.conf: [oslo_messaging_qpid] '
            'connect_timeout is not valid: '), error)
        self.assertNotIn('Locations', str(error))

    def test_a_variable_that_cannot_be_read_is_named(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_OSLO_MESSAGING_QPID__MAX_IN_FLIGHT', 'many'))
        error = self.assertRaises(exception.ConfigurationError, self.read)
        self.assertTrue(str(error).startswith(
            'the environment variable OS_OSLO_MESSAGING_QPID__MAX_IN_FLIGHT: '
            '[oslo_messaging_qpid] max_in_flight is not valid: '), error)


class MechanismsTest(qpid_options.Case):

    def mechanisms(self, hosts, **options):
        found = self.read(hosts=hosts, **options)
        return [found.mechanisms[host] for host in found.hosts]

    def test_a_password_is_sent_as_it_is_only_where_it_is_safe(self):
        tls, plain = self.mechanisms(
            'amqps://me:secret@a,amqp://me:secret@b')
        self.assertIn('PLAIN', tls)
        self.assertIn('SCRAM-SHA-256', plain)
        self.assertNotIn('PLAIN', plain)
        plain, = self.mechanisms('amqp://me:secret@b',
                                 allow_plain_without_tls=True)
        self.assertIn('PLAIN', plain)

    def test_nobody_with_a_name_is_anonymous(self):
        for found in self.mechanisms('amqps://me:secret@a,amqp://me:secret@b',
                                     allow_plain_without_tls=True):
            self.assertNotIn('ANONYMOUS', found)
            self.assertNotIn('EXTERNAL', found)

    def test_a_certificate_is_a_name(self):
        pem = self.write('a.pem', '')
        files = {'ssl_cert_file': pem, 'ssl_key_file': pem}
        self.assertEqual([('EXTERNAL',), ('ANONYMOUS',)], self.mechanisms(
            'amqps://a,amqp://b', **files))

    def test_those_that_are_named_are_taken(self):
        self.assertEqual([('GSSAPI', 'SCRAM-SHA-1')], self.mechanisms(
            'amqp://me:secret@a', sasl_mechanisms='gssapi  SCRAM-SHA-1'))

    def test_those_that_cannot_be_are_refused(self):
        self.refused('sasl_mechanisms', 'PLAIN', 'allow_plain_without_tls',
                     hosts='amqps://me:secret@a,amqp://me:secret@b',
                     sasl_mechanisms='PLAIN')
        self.refused('sasl_mechanisms', 'user name', hosts='amqps://a',
                     sasl_mechanisms='PLAIN')
        self.refused('sasl_mechanisms', hosts='amqp://a',
                     sasl_mechanisms='ANONYMOUS,EXTERNAL')
