# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
import textwrap

import fixtures
from oslo_config import cfg

from usermsg import config
from usermsg import context
from usermsg import exception
from usermsg.message import api
from usermsg import service
from usermsg.tests import base

PASSWORD = 's3cret'


def options(**groups):
    """The text of a configuration file; [database] comes first."""
    groups = {'database': {'connection': 'sqlite://'}, **groups}
    return ''.join(
        f'[{group}]\n' + ''.join(f'{key} = {value}\n'
                                 for key, value in values.items())
        for group, values in groups.items())


class BrokenConfigurationTest(base.TestCase):

    def refused(self, text, *parts, line=None):
        """A file with this text is refused by every kind of process.

        :param parts: what the message must hold
        :param line: where it must say that the fault is
        """
        path = self.write('usermsg.conf', text)
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, path))
        # Not prepare(), which would set up the logging of this process.
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
        if line is not None:
            self.assertTrue(message.startswith(f'{path}:{line}: '), message)
        self.assertNotIn(PASSWORD, message)
        return message

    def test_a_file_that_is_not_there(self):
        path = str(self.home / 'nowhere.conf')
        error = self.assertRaises(exception.ConfigurationError,
                                  service.prepare, ['--config-file', path])
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, path))
        error = self.assertRaises(exception.ConfigurationError,
                                  service.prepare_library)
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))

    def test_a_directory_instead_of_a_file(self):
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, str(self.home)))
        error = self.assertRaises(exception.ConfigurationError,
                                  service.prepare_library)
        self.assertIn(str(self.home), str(error))

    def test_a_line_that_cannot_be_parsed(self):
        self.refused(options() + '[messages\nttl = 100\n', 'section', line=3)
        self.refused(options() + 'word\n', 'assignment', line=3)
        self.refused(f'{PASSWORD}\n', line=1)
        self.refused(options() + f'  {PASSWORD}\n= {PASSWORD}\n', line=4)

    def test_a_file_that_is_not_utf_8(self):
        path = self.home / 'usermsg.conf'
        path.write_bytes(b'[database]\n# gr\xfc\xdfe\nconnection=sqlite://\n')
        for argv in (['--config-file', str(path)], [f'--config-file={path}'],
                     None):
            error = self.assertRaises(exception.ConfigurationError,
                                      service.prepare, argv)
            self.assertEqual(f'{path}:2: a configuration file is not UTF-8.',
                             str(error))

    def test_a_number_that_is_none(self):
        self.refused(options(messages={'ttl': 'soon'}), '[messages] ttl',
                     "'soon'", line=4)
        self.refused(options(messages={'record_timeout': 'x'}),
                     '[messages] record_timeout', line=4)
        self.refused(options(database={'connection': 'sqlite://',
                                       'max_pool_size': 'x'}),
                     '[database] max_pool_size', line=3)

    def test_a_number_out_of_bounds(self):
        for group, name, value in (
                ('messages', 'ttl', 59), ('messages', 'ttl', 10 ** 12),
                ('messages', 'record_timeout', 0), ('api', 'max_limit', 0),
                ('api', 'max_limit', 10001), ('api', 'port', 65536),
                ('api', 'threads', 0), ('api', 'max_request_body_size', 1)):
            self.refused(options(**{group: {name: value}}),
                         f'[{group}] {name}', line=4)

    def test_an_unknown_choice(self):
        self.refused(options(api={'auth_strategy': 'magic'}),
                     '[api] auth_strategy', 'keystone', 'noauth', line=4)

    def test_a_truth_value_that_is_none(self):
        self.refused(options(api={'trust_host_header': 'perhaps'}),
                     '[api] trust_host_header', line=4)

    def test_an_option_that_could_stand_on_the_command_line(self):
        for name in ('debug', 'use_syslog', 'use_json'):
            self.refused(options(DEFAULT={name: 'perhaps'}),
                         f'[DEFAULT] {name}', line=4)

    def test_a_publisher_that_cannot_be_stored(self):
        for value in ('h\xf6st', 'a b', 'a' * 256, '"a\xa0b"', ''):
            self.refused(options(notifications={'publisher_id': value}),
                         '[notifications] publisher_id', line=4)

    def test_the_address_is_no_address(self):
        self.refused(options(api={'public_endpoint': 'ftp://example.org/'}),
                     '[api] public_endpoint', line=4)
        self.refused(options(api={'host': 'not a host'}), '[api] host',
                     line=4)

    def test_the_last_of_several_lines_counts(self):
        self.refused(options() + '[messages]\nttl = 100\n# ttl = 7\n'
                     '[api]\nport = 1\n[messages]\nttl=x\nrecord_timeout=1\n',
                     '[messages] ttl', line=9)

    def test_a_value_from_the_environment(self):
        self.useFixture(fixtures.EnvironmentVariable('OS_MESSAGES__TTL', 'x'))
        error = self.assertRaises(
            exception.ConfigurationError, service.prepare,
            ['--config-file', self.write('a.conf', options())])
        self.assertIn('variable OS_MESSAGES__TTL is not valid', str(error))
        self.assertNotIn('a.conf', str(error))

    def test_no_database(self):
        self.refused('', '[database] connection is not set')
        self.refused('[database]\nconnection =\n',
                     '[database] connection is not set')

    def test_a_database_that_is_none(self):
        for url in (f'hello {PASSWORD}', f'mysql://u:{PASSWORD}@h:port/x',
                    f'://{PASSWORD}', f'mysql+nodriver://u:{PASSWORD}@h/x',
                    f'oracle://u:{PASSWORD}@h/x'):
            self.refused(options(database={'connection': url}),
                         '[database] connection')

    def test_a_kind_of_database_that_nobody_knows(self):
        url = f'nosql://u:{PASSWORD}@h/x'
        self.refused(options(database={'connection': url}), "'nosql'")

    def test_a_driver_that_is_not_installed(self):
        url = f'sqlite+pysqlcipher://:{PASSWORD}@/x'
        self.refused(options(database={'connection': url}),
                     '[database] connection', 'not installed')

    def test_a_driver_that_is_not_ours(self):
        # What SQLAlchemy takes if the address doesn't name a driver; and for
        # PostgreSQL it does only since 2.1.
        for scheme, advice in (('mysql', 'mysql+pymysql://'),
                               ('postgresql+psycopg',
                                'postgresql+psycopg2://')):
            url = f'{scheme}://u:{PASSWORD}@h/x'
            self.refused(options(database={'connection': url}),
                         'not installed', f'Write {advice}')

    def test_a_file_of_the_address_that_cannot_be_read(self):
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

    def test_authorities_and_keys_that_are_no_files(self):
        for parameter in ('sslrootcert=system', 'sslkey=pkcs11:token',
                          'sslcert='):
            self.write('usermsg.conf', options(database={
                'connection': f'postgresql+psycopg2://u@h/x?{parameter}'}))
            service.prepare_library()

    def test_a_dollar_in_a_password(self):
        for url in (f'mysql+pymysql://u:a${PASSWORD}@h/x',
                    f'mysql+pymysql://u:a${{{PASSWORD}}}@h/x',
                    f'mysql+pymysql://u:a${{{PASSWORD}.x}}@h/x'):
            self.refused(options(database={'connection': url}),
                         '[database] connection', '"$$"')

    def test_no_overlay(self):
        path = str(self.home / 'overlay')
        message = self.refused(options(catalogue={'overlay_dir': path}))
        self.assertTrue(message.startswith(f'{path}: '), message)

    def test_a_broken_overlay(self):
        path = self.write('overlay/a.yaml', 'prefixes:\n  VOLUME: 5\n')
        message = self.refused(options(
            catalogue={'overlay_dir': self.home / 'overlay'}))
        self.assertTrue(message.startswith(f'{path}:2: '), message)

    def test_a_logging_configuration_that_cannot_be_used(self):
        self.useFixture(fixtures.FakeLogger())
        for path in (str(self.home / 'nowhere.ini'),
                     self.write('logging.ini', 'not an ini file\n'),
                     self.write('empty.ini', '')):
            error = self.assertRaises(
                exception.ConfigurationError, service.prepare,
                ['--config-file', self.write('usermsg.conf', options(
                    DEFAULT={'log_config_append': path}))])
            self.assertTrue(str(error).startswith(f'{path}: '), str(error))

    def test_a_log_file_that_cannot_be_opened_is_named(self):
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


class LibraryTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.write('usermsg.conf', options(messages={'ttl': 100}))

    def argv(self, *argv):
        self.useFixture(fixtures.MonkeyPatch('sys.argv', list(argv)))

    def test_it_finds_its_own_file(self):
        self.assertEqual(100, service.prepare_library().conf.messages.ttl)

    def test_another_services_command_line_does_not_count(self):
        self.write('cinder-volume.conf', options(messages={'ttl': 200}))
        self.write('.usermsg/cinder-volume.conf',
                   options(messages={'ttl': 200}))
        for argv in (['/usr/bin/cinder-volume', '--config-file', '/nowhere',
                      '--debug', '--unknown', 'word'],
                     ['/usr/bin/cinder-volume', '--help'], [''], []):
            self.argv(*argv)
            for prepared in (service.prepare_library(),
                             service.make_runtime(config.load_config())):
                self.assertEqual(100, prepared.conf.messages.ttl)
                self.assertFalse(prepared.conf.debug)

    def test_another_services_environment_does_not_count(self):
        for name, value in (('OS_MESSAGES__TTL', '200'),
                            ('OS_DEFAULT__DEBUG', 'perhaps'),
                            ('OS_DATABASE__CONNECTION', 'mysql://cinder')):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        runtime = service.prepare_library()
        self.assertEqual(100, runtime.conf.messages.ttl)
        self.assertEqual('sqlite', runtime.db.dialect)

    def test_our_own_environment_counts(self):
        self.useFixture(fixtures.EnvironmentVariable('OS_MESSAGES__TTL',
                                                     '200'))
        self.assertEqual(200, config.load_config([]).messages.ttl)

    def test_several_files_from_the_variable(self):
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, ';'.join([
                '', self.write('a.conf', options(messages={'ttl': 300})),
                self.write('b.conf', '[messages]\nttl = 400\n'), ''])))
        runtime = service.prepare_library()
        self.assertEqual(400, runtime.conf.messages.ttl)

    def test_other_files_count_only_without_the_variable(self):
        self.write('.usermsg/usermsg.conf.d/a.conf',
                   options(messages={'ttl': 300}))
        self.write('.usermsg/usermsg.conf.d/b.conf',
                   options(messages={'ttl': 400}))
        loads = (service.prepare_library,
                 lambda: service.make_runtime(config.load_config([])))
        for load in loads:
            self.assertEqual(400, load().conf.messages.ttl)
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, self.write(
                'named.conf', options(messages={'ttl': 200}))))
        for load in loads:
            self.assertEqual(200, load().conf.messages.ttl)

    def test_it_authorises_nothing_and_leaves_logging_alone(self):
        logger = self.useFixture(fixtures.FakeLogger())
        before = sys.excepthook
        self.assertIsNone(service.prepare_library().policy)
        self.assertIs(before, sys.excepthook)
        self.assertNotIn('ERROR', logger.output)

    def test_the_configuration_of_others_stays_as_it_is(self):
        service.prepare_library()
        self.assertNotIn('messages', cfg.CONF)
        self.assertNotIn('debug', cfg.CONF)

    def test_it_connects_to_nothing(self):
        self.write('usermsg.conf', options(
            database={'connection': self.sqlite_url('new.sqlite')}))
        api.API()
        self.assertFalse((self.home / 'new.sqlite').exists())


class RuntimesTest(base.TestCase):

    def runtimes(self, **groups):
        """Two, the first with these options of its own."""
        return (self.runtime(database={'connection': self.sqlite_url('1')},
                             **groups),
                self.runtime(database={'connection': self.sqlite_url('2')}))

    def test_options(self):
        first, second = self.runtimes(messages={'ttl': 100})
        self.assertEqual(100, first.conf.messages.ttl)
        self.assertEqual(30 * 24 * 3600, second.conf.messages.ttl)

    def test_messages(self):
        first, second = map(api.API, self.runtimes())
        one = context.RequestContext(project_id='one')
        first.create(one, 'VOLUME_000002')
        self.assertEqual(1, len(first.get_all(one)))
        self.assertEqual(0, len(second.get_all(one)))

    def test_counters(self):
        first, second = self.runtimes()
        api.API(first).create(context.RequestContext(project_id='one'),
                              'VOLUME_000002')
        first.catalogue.describe('NOPE_000001')
        for name, labels, without in (
                ('usermsg_messages_recorded_total',
                 {'prefix': 'VOLUME', 'level': 'ERROR'}, None),
                ('usermsg_unknown_events_total', {}, 0)):
            self.assertEqual(1, first.metrics.registry.get_sample_value(
                name, labels))
            self.assertEqual(without, second.metrics.registry.get_sample_value(
                name, labels))

    def test_catalogues(self):
        self.write('overlay/a.yaml', '''
            language: tlh
            prefixes:
              VOLUME:
                events: {'000002': {text: pagh}}
            ''')
        first, second = self.runtimes(
            catalogue={'overlay_dir': self.home / 'overlay'})
        self.assertIn('tlh', first.catalogue.languages)
        self.assertNotIn('tlh', second.catalogue.languages)
        self.assertNotEqual(
            first.catalogue.describe('VOLUME_000002', 'tlh'),
            second.catalogue.describe('VOLUME_000002', 'tlh'))

    def test_policies(self):
        path = self.write('strict.yaml', '"message:get": "!"\n')
        first, second = self.runtimes(oslo_policy={'policy_file': path})
        reader = {'project_id': 'one', 'roles': ['reader']}
        for runtime, expected in ((first, False), (second, True)):
            self.assertEqual(expected, context.RequestContext(
                policy=runtime.policy, **reader).can('message:get'))


# What happens while a module of ours runs for the first time, that is, up to
# the next frame of the import machinery; what other projects' modules do on
# import isn't ours.
IMPORT_ALL = '''
import importlib
import json
import logging
import os
import pkgutil
import signal
import sys
import threading

# stevedore writes no cache for a Python below /tmp, so that what looks for
# plug-ins would be seen or not by where the checkout is.
sys.executable = '/usr/bin/python3'

from usermsg.concurrency import backend

backend.use_threads()  # which every process of ours does first

import usermsg

seen = []
ACTIONS = ('os.', 'shutil.', 'socket.', 'subprocess.', 'sqlite3.', 'urllib.',
           'tempfile.', 'signal.', 'pty.', 'fcntl.')
READING = ('os.listdir', 'os.scandir', 'os.walk', 'os.fwalk')


def of_ours():
    # Libraries may do as they like when they are imported.
    frame, name = sys._getframe(2), ''
    while frame:
        above = frame.f_globals.get('__name__', '')
        if above.startswith('importlib.'):
            break
        frame, name = frame.f_back, above
    return name.startswith('usermsg')


def hook(event, arguments):
    if event == 'open':
        _path, mode, flags = arguments
        acts = (set(mode or '') & set('wax+') or
                flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    else:
        acts = event.startswith(ACTIONS) and event not in READING
    if acts and of_ours():
        seen.append(f'{event} {arguments}')


class Watched:
    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        if of_ours():
            seen.append(f'write {text!r}')
        return self._stream.write(text)


def import_all(package):
    count = 0
    for found in pkgutil.iter_modules(package.__path__,
                                      package.__name__ + '.'):
        # The tests are not the product, the WSGI module is a process, and
        # alembic runs its own.
        if found.name in ('usermsg.tests', 'usermsg.wsgi.api',
                          'usermsg.db.alembic'):
            continue
        module = importlib.import_module(found.name)
        count += 1
        if found.ispkg:
            count += import_all(module)
    return count


def state():
    return {
        'handlers': [str(handler) for name in (None, 'usermsg')
                     for handler in logging.getLogger(name).handlers],
        'level': logging.root.level,
        'threads': [thread.name for thread in threading.enumerate()],
        'signals': [str(signal.getsignal(number)) for number in (1, 2, 15)],
        'hook': str(sys.excepthook),
    }


before = state()
sys.addaudithook(hook)
real = sys.stdout, sys.stderr
sys.stdout, sys.stderr = Watched(sys.stdout), Watched(sys.stderr)
count = import_all(usermsg)
sys.stdout, sys.stderr = real

from oslo_config import cfg

with open(sys.argv[1], 'w') as result:
    json.dump({
        'modules': count,
        'seen': seen,
        'options': sorted(
            {'api', 'catalogue', 'messages', 'database', 'oslo_policy',
             'debug', 'log_file'} & set(cfg.CONF)),
        'before': before,
        'after': state(),
    }, result)
'''


class ImportTest(base.TestCase):

    def test_importing_changes_nothing(self):
        path = self.home / 'found.json'
        # Whatever Python is told by the environment of whoever runs this.
        result = subprocess.run(
            [sys.executable, '-I', '-B', '-c', textwrap.dedent(IMPORT_ALL),
             str(path)], capture_output=True, text=True)
        said = result.stdout + result.stderr
        self.assertEqual(0, result.returncode, said)
        found = json.loads(path.read_text())
        self.assertGreater(found['modules'], 40)
        self.assertEqual([], found['seen'], said)
        self.assertEqual([], found['options'])
        self.assertEqual(found['before'], found['after'])
