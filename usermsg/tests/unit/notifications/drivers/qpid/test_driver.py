# SPDX-License-Identifier: Apache-2.0
from usermsg import exception
from usermsg.notifications.drivers.qpid import driver as qpid
from usermsg.tests.fixtures import qpid_options


class DriverTest(qpid_options.Case):

    def test_init_with_files_that_are_not_pem_names_option_and_path(self):
        path = self.write('a.pem', 'no certificate')
        for name, options in (
                ('ssl_ca_file', {'ssl_ca_file': path}),
                ('ssl_cert_file', {'ssl_cert_file': path,
                                   'ssl_key_file': path})):
            error = self.assertRaises(
                exception.ConfigurationError, qpid.QpidDriver,
                self.conf(hosts='amqps://h', **options), ['notifications'])
            self.assertIn(name, str(error))
            self.assertIn(path, str(error))
