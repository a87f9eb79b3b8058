# SPDX-License-Identifier: Apache-2.0
import fixtures

from usermsg.conf import messages
from usermsg import config
from usermsg import exception
from usermsg import service
from usermsg.tests import base
from usermsg.tests.fixtures import config_options

options = config_options.options


PASSWORD = 's3cret'


class InvalidConfigurationTest(base.TestCase):

    def refused(self, text, *parts, names_file=False, line=None):
        """Check that every kind of process refuses a configuration file.

        :param text: content of the file
        :param parts: parts of the message
        :param names_file: True if the message begins with the file
        :param line: line with which the message begins, after the file
        :returns: the message
        """
        path = self.write('usermsg.conf', text)
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, path))
        # Not prepare(), which would configure the logging of this process.
        messages = {
            str(self.assertRaises(exception.ConfigurationError, call))
            for call in (service.prepare_library,
                         lambda: service.make_runtime(config.load_config()),
                         lambda: service.make_runtime(config.load_config(
                             ['--config-file', path])))}
        self.assertEqual(1, len(messages), messages)
        message = messages.pop()
        for part in parts:
            self.assertIn(part, message)
        if names_file:
            self.assertTrue(message.startswith(f'{path}: ['), message)
        if line is not None:
            self.assertTrue(message.startswith(f'{path}:{line}: '), message)
        self.assertNotIn(PASSWORD, message)
        return message

    def test_missing_file_is_named(self):
        path = str(self.home / 'nowhere.conf')
        error = self.assertRaises(exception.ConfigurationError,
                                  service.prepare, ['--config-file', path])
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, path))
        error = self.assertRaises(exception.ConfigurationError,
                                  service.prepare_library)
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))

    def test_directory_instead_of_file_is_named(self):
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, str(self.home)))
        error = self.assertRaises(exception.ConfigurationError,
                                  service.prepare_library)
        self.assertIn(str(self.home), str(error))

    def test_line_that_cannot_be_parsed_is_named(self):
        self.refused(options() + '[messages\nttl = 100\n', 'section', line=3)
        self.refused(options() + 'word\n', 'assignment', line=3)
        self.refused(f'{PASSWORD}\n', line=1)
        self.refused(options() + f'  {PASSWORD}\n= {PASSWORD}\n', line=4)

    def test_file_that_is_not_utf_8_is_named(self):
        path = self.home / 'usermsg.conf'
        path.write_bytes(b'[database]\n# gr\xfc\xdfe\nconnection=sqlite://\n')
        for argv in (['--config-file', str(path)], [f'--config-file={path}'],
                     None):
            error = self.assertRaises(exception.ConfigurationError,
                                      service.prepare, argv)
            self.assertEqual(f'{path}: a configuration file is not UTF-8.',
                             str(error))

    def test_invalid_number_is_refused(self):
        self.refused(options(messages={'ttl': 'soon'}), '[messages] ttl',
                     "'soon'", names_file=True)
        self.refused(options(messages={'record_timeout': 'x'}),
                     '[messages] record_timeout', names_file=True)
        self.refused(options(database={'connection': 'sqlite://',
                                       'max_pool_size': 'x'}),
                     '[database] max_pool_size', names_file=True)

    def test_number_out_of_bounds_is_refused(self):
        for group, name, value in (
                ('messages', 'ttl', 59), ('messages', 'ttl', 10 ** 12),
                ('messages', 'record_timeout', 0), ('api', 'max_limit', 0),
                ('api', 'max_limit', 10001), ('api', 'port', 65536),
                ('api', 'threads', 0), ('api', 'max_request_body_size', 1)):
            self.refused(options(**{group: {name: value}}),
                         f'[{group}] {name}', names_file=True)

    def test_invalid_rate_of_recording_is_refused(self):
        for name, value in (
                *(('record_rate', value) for value in (
                    'fast', '-1', 'nan', 'inf', '0.0001', '1e9')),
                *(('record_rate_per_caller', value) for value in (
                    'fast', '-1', 'nan', '0.0001')),
                ('record_burst_per_caller', 'much'),
                ('record_burst_per_caller', 999),
                ('record_burst', 'much'), ('record_burst', 999),
                ('record_burst', 10 ** 9),
                *(('record_rates', value) for value in (
                    'p', 'p:', 'p:fast', 'p:-1', 'p:nan', 'p:1,q:0.0001',
                    'p:1 q:2', 'p:1,,q:2', 'p,q:2', ':1', 'p:1,q:2,p:3',
                    'p:1, p:1'))):
            self.refused(options(messages={name: value}),
                         f'[messages] {name} is not valid: ', names_file=True)
        self.refused(options(messages={'record_rates': 'red:1,red:2'}), 'red')

    def test_project_with_rates_on_two_lines_is_refused(self):
        for first, second in (('red:1', 'red:2'), ('red:1', 'red:1'),
                              ('green:0, red:1', 'blue:3,red:2')):
            self.refused(
                f'[messages]\nrecord_rates = {first}\n'
                f'record_rates = {second}\n',
                "[messages] record_rates is not valid: the project 'red' has "
                'more than one rate', names_file=True)

    def test_project_with_rates_in_two_files_is_refused(self):
        paths = [self.write(f'{name}.conf',
                            options(messages={'record_rates': value}))
                 for name, value in (('first', 'red:1'), ('second', 'red:2'))]
        error = self.assertRaises(
            exception.ConfigurationError, config.load_config,
            [f'--config-file={path}' for path in paths])
        self.assertIn(f'{paths[1]}: [messages] record_rates is not valid: ',
                      str(error))

    def test_rates_of_all_lines_and_files_are_used(self):
        paths = [self.write(name, f'[messages]\n{lines}') for name, lines in (
            ('first.conf', 'record_rates = red:1, blue:0\n'
                           'record_rates = green:2.5\n'),
            ('second.conf', 'record_rates = white:3\n'))]
        conf = config.load_config([f'--config-file={path}' for path in paths])
        self.assertEqual(
            {'red': 1, 'blue': 0, 'green': 2.5, 'white': 3},
            messages.merge_rates(conf.messages.record_rates))

    def test_rates_in_the_environment_replace_those_of_files(self):
        path = self.write('usermsg.conf', options(
            messages={'record_rates': 'red:1'}))
        with fixtures.EnvironmentVariable(
                'OS_MESSAGES__RECORD_RATES', 'red:2,blue:3'):
            conf = config.load_config([f'--config-file={path}'])
            self.assertEqual(
                {'red': 2, 'blue': 3},
                messages.merge_rates(conf.messages.record_rates))

    def test_unknown_choice_is_refused(self):
        self.refused(options(api={'auth_strategy': 'magic'}),
                     '[api] auth_strategy', 'keystone', 'noauth',
                     names_file=True)

    def test_invalid_boolean_is_refused(self):
        self.refused(options(api={'trust_host_header': 'perhaps'}),
                     '[api] trust_host_header', names_file=True)

    def test_invalid_value_of_command_line_option_is_refused(self):
        for name in ('debug', 'use_syslog', 'use_json'):
            self.refused(options(DEFAULT={name: 'perhaps'}),
                         f'[DEFAULT] {name}', names_file=True)

    def test_publisher_id_that_cannot_be_stored_is_refused(self):
        for value in ('h\xf6st', 'a b', 'a' * 256, '"a\xa0b"', ''):
            self.refused(options(notifications={'publisher_id': value}),
                         '[notifications] publisher_id', names_file=True)

    def test_invalid_address_is_refused(self):
        self.refused(options(api={'public_endpoint': 'ftp://example.org/'}),
                     '[api] public_endpoint', names_file=True)
        self.refused(options(api={'host': 'not a host'}), '[api] host',
                     names_file=True)

    def test_invalid_value_names_the_last_of_several_files(self):
        first = self.write('a.conf', options(messages={'ttl': 'x'}))
        directory = self.write('conf.d/b.conf', '[messages]\nttl=y\n')
        error = self.assertRaises(
            exception.ConfigurationError, config.load_config,
            ['--config-file', first,
             '--config-dir', str(self.home / 'conf.d')])
        self.assertTrue(str(error).startswith(
            f'{directory}: [messages] ttl is not valid: '), str(error))

    def test_invalid_value_names_the_environment_variable(self):
        self.useFixture(fixtures.EnvironmentVariable('OS_MESSAGES__TTL', 'x'))
        error = self.assertRaises(
            exception.ConfigurationError, service.prepare,
            ['--config-file', self.write('a.conf', options())])
        self.assertIn('the environment variable OS_MESSAGES__TTL: [messages] '
                      'ttl is not valid: ', str(error))
        self.assertNotIn('a.conf', str(error))

    def test_type_of_secret_option_accepts_any_value(self):
        # The error of an option type contains the value, so the type of a
        # secret must not raise errors.
        conf = config.load_config([])
        for group in (conf, *conf._groups.values()):
            for entry in group._opts.values():
                if entry['opt'].secret:
                    self.assertEqual(PASSWORD, entry['opt'].type(PASSWORD))

    def test_missing_database_connection_is_refused(self):
        self.refused('', '[database] connection is not set')
        self.refused('[database]\nconnection =\n',
                     '[database] connection is not set')

    def test_invalid_database_connection_is_refused(self):
        for url in (f'hello {PASSWORD}', f'mysql://u:{PASSWORD}@h:port/x',
                    f'://{PASSWORD}', f'mysql+nodriver://u:{PASSWORD}@h/x',
                    f'oracle://u:{PASSWORD}@h/x'):
            self.refused(options(database={'connection': url}),
                         '[database] connection')

    def test_unknown_database_dialect_is_named(self):
        url = f'nosql://u:{PASSWORD}@h/x'
        self.refused(options(database={'connection': url}), "'nosql'")

    def test_database_driver_that_is_not_installed_is_refused(self):
        url = f'sqlite+pysqlcipher://:{PASSWORD}@/x'
        self.refused(options(database={'connection': url}),
                     '[database] connection', 'not installed')

    def test_unsupported_database_driver_is_refused_with_advice(self):
        # The default drivers of SQLAlchemy for URLs without a driver; for
        # PostgreSQL, psycopg is the default since 2.1.
        for scheme, advice in (('mysql', 'mysql+pymysql://'),
                               ('postgresql+psycopg',
                                'postgresql+psycopg2://')):
            url = f'{scheme}://u:{PASSWORD}@h/x'
            self.refused(options(database={'connection': url}),
                         'not installed', f'Use {advice}')

    def test_unreadable_file_of_connection_is_named(self):
        nowhere = self.home / 'ca.pem'
        for driver, names in (
                ('mysql+pymysql', ('ssl_ca', 'ssl_cert', 'ssl_key')),
                ('postgresql+psycopg2', ('sslrootcert', 'sslcert',
                                         'sslkey'))):
            url = f'{driver}://u:{PASSWORD}@h/x'
            for name in names:
                self.refused(
                    options(database={
                        'connection': f'{url}?{name}={nowhere}'}),
                    f'[database] connection: the file {nowhere} of "{name}"')
                self.refused(
                    options(database={
                        'connection': url,
                        'connection_parameters': f'{name}={nowhere}'}),
                    f'[database] connection_parameters: the file {nowhere}')

    def test_tls_parameters_that_are_no_files_are_accepted(self):
        for parameter in ('sslrootcert=system', 'sslkey=pkcs11:token',
                          'sslcert='):
            self.write('usermsg.conf', options(database={
                'connection': f'postgresql+psycopg2://u@h/x?{parameter}'}))
            service.prepare_library()

    def test_dollar_in_password_is_refused_without_its_value(self):
        for url in (f'mysql+pymysql://u:a${PASSWORD}@h/x',
                    f'mysql+pymysql://u:a${{{PASSWORD}}}@h/x',
                    f'mysql+pymysql://u:a${{{PASSWORD}.x}}@h/x'):
            self.refused(options(database={'connection': url}),
                         '[database] connection', '"$$"', names_file=True)
        self.refused(options(messages={'ttl': '$max_limit'}),
                     '[messages] ttl', names_file=True)

    def test_missing_overlay_directory_is_named(self):
        path = str(self.home / 'overlay')
        message = self.refused(options(catalogue={'overlay_dir': path}))
        self.assertTrue(message.startswith(f'{path}: '), message)

    def test_invalid_overlay_file_is_named(self):
        path = self.write('overlay/a.yaml', 'prefixes:\n  VOLUME: 5\n')
        message = self.refused(options(
            catalogue={'overlay_dir': self.home / 'overlay'}))
        self.assertTrue(message.startswith(f'{path}:2: '), message)

    def test_invalid_logging_configuration_is_named(self):
        self.useFixture(fixtures.FakeLogger())
        for path in (str(self.home / 'nowhere.ini'),
                     self.write('logging.ini', 'not an ini file\n'),
                     self.write('empty.ini', '')):
            error = self.assertRaises(
                exception.ConfigurationError, service.prepare,
                ['--config-file', self.write('usermsg.conf', options(
                    DEFAULT={'log_config_append': path}))])
            self.assertTrue(str(error).startswith(f'{path}: '), str(error))

    def test_log_file_that_cannot_be_opened_is_named(self):
        directory = self.home / 'nowhere'
        for values, option, path in (
                ({'log_file': directory / 'a.log'}, 'log_file',
                 directory / 'a.log'),
                ({'log_file': self.home}, 'log_file', self.home),
                ({'log_file': 'a.log', 'log_dir': directory}, 'log_dir',
                 directory / 'a.log')):
            error = self.assertRaises(
                exception.ConfigurationError, service.prepare,
                ['--config-file', self.write('usermsg.conf', options(
                    DEFAULT=values))])
            self.assertTrue(str(error).startswith(
                f'[DEFAULT] {option}: {path} cannot be written: '),
                str(error))


class ChangedOptionsTest(base.TestCase):

    def load(self, text):
        return config.load_config(
            ['--config-file', self.write('usermsg.conf', text)])

    def test_names_of_changed_options_are_returned(self):
        previous = self.load(options(messages={'ttl': 100}))
        current = self.load('[DEFAULT]\ndebug = true\n' + options(
            messages={'ttl': 100, 'max_per_project': 7},
            database={'connection': f'sqlite:///{PASSWORD}'}))
        self.assertEqual([], config.changed_options(previous, previous))
        self.assertEqual(
            {'[DEFAULT] debug', '[database] connection',
             '[messages] max_per_project'},
            set(config.changed_options(previous, current)))
