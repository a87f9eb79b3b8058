# SPDX-License-Identifier: Apache-2.0
import fixtures
from oslo_messaging import conffixture

from usermsg import exception
from usermsg.notifications.drivers.qpid import settings
from usermsg.tests.fixtures import qpid_options


class SettingsTest(qpid_options.Case):

    def test_defaults_are_localhost_and_anonymous(self):
        defaults = self.read_settings()
        host, = defaults.hosts
        self.assertEqual('amqp://localhost:5672', str(host))
        self.assertFalse(defaults.tls or defaults.sasl)
        self.assertEqual(('ANONYMOUS',), defaults.mechanisms[host])
        self.assertEqual('openstack', defaults.exchange)
        self.assertEqual((), defaults.capabilities)

    def test_repr_hides_passwords(self):
        result = self.read_settings(hosts='amqps://me:secret@h',
                                    ssl_key_password='secret')
        self.assertNotIn('secret', repr(result))

    def test_settings_can_be_read_twice_from_one_configuration(self):
        conf = self.conf(max_in_flight=7)
        settings.Settings(conf)
        self.assertEqual(7, settings.Settings(conf).max_in_flight)

    def test_override_in_one_configuration_leaves_another_unchanged(self):
        conf = self.conf()
        settings.Settings(conf)
        conf.set_override('max_in_flight', 7, 'oslo_messaging_qpid')
        self.assertEqual(500, self.read_settings().max_in_flight)

    def test_exchange_defaults_to_control_exchange(self):
        conf = self.conf()
        self.useFixture(conffixture.ConfFixture(conf))
        conf.set_override('control_exchange', 'nova')
        self.assertEqual('nova', settings.Settings(conf).exchange)
        conf.set_override('exchange', 'images', 'oslo_messaging_qpid')
        self.assertEqual('images', settings.Settings(conf).exchange)

    def test_vhost_is_the_hostname_unless_the_address_contains_it(self):
        self.assertEqual('east', self.read_settings(vhost='east').hostname)
        for address in ('legacy', 'routable', '{vhost}/{topic}'):
            self.assertIsNone(
                self.read_settings(vhost='east', address=address).hostname)

    def test_create_sets_the_capabilities(self):
        for kind in ('queue', 'topic'):
            self.assertEqual(('create-on-demand', kind),
                             self.read_settings(create=kind).capabilities)

    def test_invalid_value_names_the_option(self):
        self.assert_invalid('hosts', hosts='amqp://me:secret@h/v')
        self.assert_invalid('address', address='{unknown}')
        self.assert_invalid('subject', subject='{unknown}')
        self.assert_invalid('max_in_flight', max_in_flight=0)
        self.assert_invalid('max_in_flight', max_in_flight='many')
        self.assert_invalid('envelope', envelope='paper')
        self.assert_invalid('connect_timeout', connect_timeout=0)
        self.assert_invalid('ssl_ca_file', '/nowhere', ssl_ca_file='/nowhere')
        pem = self.write('a.pem', '')
        self.assert_invalid('ssl_cert_file', 'ssl_key_file', ssl_cert_file=pem)
        self.assert_invalid('ssl_cert_file', 'ssl_key_file', ssl_key_file=pem)

    def test_invalid_value_in_a_file_names_the_file(self):
        error = self.assertRaises(
            exception.ConfigurationError, self.read_settings,
            connect_timeout='soon')
        self.assertTrue(str(error).startswith(
            f'{self.home}/other.conf: [oslo_messaging_qpid] '
            'connect_timeout is not valid: '), error)
        self.assertNotIn('Locations', str(error))

    def test_invalid_value_in_the_environment_names_the_variable(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_OSLO_MESSAGING_QPID__MAX_IN_FLIGHT', 'many'))
        error = self.assertRaises(
            exception.ConfigurationError, self.read_settings)
        self.assertTrue(str(error).startswith(
            'the environment variable OS_OSLO_MESSAGING_QPID__MAX_IN_FLIGHT: '
            '[oslo_messaging_qpid] max_in_flight is not valid: '), error)


class MechanismsTest(qpid_options.Case):

    def mechanisms(self, hosts, **options):
        result = self.read_settings(hosts=hosts, **options)
        return [result.mechanisms[host] for host in result.hosts]

    def test_plain_is_permitted_only_with_tls_or_the_option(self):
        tls, plain = self.mechanisms(
            'amqps://me:secret@a,amqp://me:secret@b')
        self.assertIn('PLAIN', tls)
        self.assertIn('SCRAM-SHA-256', plain)
        self.assertNotIn('PLAIN', plain)
        plain, = self.mechanisms('amqp://me:secret@b',
                                 allow_plain_without_tls=True)
        self.assertIn('PLAIN', plain)

    def test_user_name_excludes_anonymous_and_external(self):
        for mechanisms in self.mechanisms(
                'amqps://me:secret@a,amqp://me:secret@b',
                allow_plain_without_tls=True):
            self.assertNotIn('ANONYMOUS', mechanisms)
            self.assertNotIn('EXTERNAL', mechanisms)

    def test_client_certificate_selects_external(self):
        pem = self.write('a.pem', '')
        files = {'ssl_cert_file': pem, 'ssl_key_file': pem}
        self.assertEqual([('EXTERNAL',), ('ANONYMOUS',)], self.mechanisms(
            'amqps://a,amqp://b', **files))

    def test_sasl_mechanisms_replaces_the_defaults(self):
        self.assertEqual([('GSSAPI', 'SCRAM-SHA-1')], self.mechanisms(
            'amqp://me:secret@a', sasl_mechanisms='gssapi  SCRAM-SHA-1'))

    def test_unusable_sasl_mechanisms_are_invalid(self):
        self.assert_invalid('sasl_mechanisms', 'PLAIN',
                            'allow_plain_without_tls',
                            hosts='amqps://me:secret@a,amqp://me:secret@b',
                            sasl_mechanisms='PLAIN')
        self.assert_invalid('sasl_mechanisms', 'user name', hosts='amqps://a',
                            sasl_mechanisms='PLAIN')
        self.assert_invalid('sasl_mechanisms', hosts='amqp://a',
                            sasl_mechanisms='ANONYMOUS,EXTERNAL')
