# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
import textwrap

import fixtures
from oslo_config import cfg

from usermsg import config
from usermsg import context
from usermsg.message import api
from usermsg import service
from usermsg.tests import base
from usermsg.tests.fixtures import config_options

options = config_options.options


class LibraryTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.write('usermsg.conf', options(messages={'ttl': 100}))

    def set_argv(self, *argv):
        self.useFixture(fixtures.MonkeyPatch('sys.argv', list(argv)))

    def test_library_reads_the_configuration_file_of_usermsg(self):
        self.assertEqual(100, service.prepare_library().conf.messages.ttl)

    def test_command_line_of_other_service_is_ignored(self):
        self.write('cinder-volume.conf', options(messages={'ttl': 200}))
        self.write('.usermsg/cinder-volume.conf',
                   options(messages={'ttl': 200}))
        for argv in (['/usr/bin/cinder-volume', '--config-file', '/nowhere',
                      '--debug', '--unknown', 'word'],
                     ['/usr/bin/cinder-volume', '--help'], [''], []):
            self.set_argv(*argv)
            for prepared in (service.prepare_library(),
                             service.make_runtime(config.load_config())):
                self.assertEqual(100, prepared.conf.messages.ttl)
                self.assertFalse(prepared.conf.debug)

    def test_environment_of_other_service_is_ignored(self):
        for name, value in (('OS_MESSAGES__TTL', '200'),
                            ('OS_DEFAULT__DEBUG', 'perhaps'),
                            ('OS_DATABASE__CONNECTION', 'mysql://cinder')):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        runtime = service.prepare_library()
        self.assertEqual(100, runtime.conf.messages.ttl)
        self.assertEqual('sqlite', runtime.db.dialect)

    def test_environment_sets_options_of_usermsg_processes(self):
        self.useFixture(fixtures.EnvironmentVariable('OS_MESSAGES__TTL',
                                                     '200'))
        self.assertEqual(200, config.load_config([]).messages.ttl)

    def test_variable_names_several_files(self):
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, ';'.join([
                '', self.write('a.conf', options(messages={'ttl': 300})),
                self.write('b.conf', '[messages]\nttl = 400\n'), ''])))
        runtime = service.prepare_library()
        self.assertEqual(400, runtime.conf.messages.ttl)

    def test_default_files_are_read_only_without_the_variable(self):
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

    def test_library_has_no_policy_and_does_not_change_logging(self):
        logger = self.useFixture(fixtures.FakeLogger())
        before = sys.excepthook
        self.assertIsNone(service.prepare_library().policy)
        self.assertIs(before, sys.excepthook)
        self.assertNotIn('ERROR', logger.output)

    def test_library_does_not_change_the_global_configuration(self):
        service.prepare_library()
        self.assertNotIn('messages', cfg.CONF)
        self.assertNotIn('debug', cfg.CONF)

    def test_library_opens_no_connection_at_start(self):
        self.write('usermsg.conf', options(
            database={'connection': self.sqlite_url('new.sqlite')}))
        api.API()
        self.assertFalse((self.home / 'new.sqlite').exists())


class RuntimesTest(base.TestCase):

    def runtimes(self, **groups):
        """Return two runtimes, the first with additional options."""
        return (self.runtime(database={'connection': self.sqlite_url('1')},
                             **groups),
                self.runtime(database={'connection': self.sqlite_url('2')}))

    def test_runtimes_have_separate_options(self):
        first, second = self.runtimes(messages={'ttl': 100})
        self.assertEqual(100, first.conf.messages.ttl)
        self.assertEqual(30 * 24 * 3600, second.conf.messages.ttl)

    def test_runtimes_have_separate_messages(self):
        first, second = map(api.API, self.runtimes())
        one = context.RequestContext(project_id='one')
        first.create(one, 'VOLUME_000002')
        self.assertEqual(1, len(first.get_all(one)))
        self.assertEqual(0, len(second.get_all(one)))

    def test_runtimes_have_separate_metrics(self):
        first, second = self.runtimes()
        api.API(first).create(context.RequestContext(project_id='one'),
                              'VOLUME_000002')
        first.catalogue.describe('NOPE_000001')
        for name, labels, expected in (
                ('usermsg_messages_recorded_total',
                 {'prefix': 'VOLUME', 'level': 'ERROR'}, None),
                ('usermsg_unknown_events_total', {}, 0)):
            self.assertEqual(1, first.metrics.registry.get_sample_value(
                name, labels))
            self.assertEqual(
                expected,
                second.metrics.registry.get_sample_value(name, labels))

    def test_runtimes_have_separate_catalogues(self):
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

    def test_runtimes_have_separate_policies(self):
        path = self.write('strict.yaml', '"message:get": "!"\n')
        first, second = self.runtimes(oslo_policy={'policy_file': path})
        reader = {'project_id': 'one', 'roles': ['reader']}
        for runtime, expected in ((first, False), (second, True)):
            self.assertEqual(expected, context.RequestContext(
                policy=runtime.policy, **reader).can('message:get'))


# Records the side effects of importing the modules of usermsg: events whose
# nearest frame below the import machinery is in usermsg. Side effects of other
# projects' modules are ignored.
IMPORT_ALL = '''
import importlib
import json
import logging
import os
import pkgutil
import signal
import sys
import threading

# stevedore writes no cache for a Python below /tmp. Without this line, the
# directory of the checkout would decide whether a module that looks for
# plug-ins on import is detected.
sys.executable = '/usr/bin/python3'

from usermsg.concurrency import backend

backend.use_threads()  # as every usermsg process does first

import usermsg

effects = []
ACTIONS = ('os.', 'shutil.', 'socket.', 'subprocess.', 'sqlite3.', 'urllib.',
           'tempfile.', 'signal.', 'pty.', 'fcntl.')
READING = ('os.listdir', 'os.scandir', 'os.walk', 'os.fwalk')


def is_usermsg():
    # Side effects of libraries on import are allowed.
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
        is_effect = (set(mode or '') & set('wax+') or
                     flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    else:
        is_effect = event.startswith(ACTIONS) and event not in READING
    if is_effect and is_usermsg():
        effects.append(f'{event} {arguments}')


class Watched:
    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        if is_usermsg():
            effects.append(f'write {text!r}')
        return self._stream.write(text)


def import_all(package):
    count = 0
    for info in pkgutil.iter_modules(package.__path__,
                                     package.__name__ + '.'):
        # The tests are not part of the service, the WSGI module is a
        # process, and alembic runs its environment module itself.
        if info.name in ('usermsg.tests', 'usermsg.wsgi.api',
                         'usermsg.db.alembic'):
            continue
        module = importlib.import_module(info.name)
        count += 1
        if info.ispkg:
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
        'effects': effects,
        'options': sorted(
            {'api', 'catalogue', 'messages', 'database', 'oslo_policy',
             'debug', 'log_file'} & set(cfg.CONF)),
        'before': before,
        'after': state(),
    }, result)
'''


class ImportTest(base.TestCase):

    def test_importing_has_no_side_effects(self):
        path = self.home / 'effects.json'
        # Isolated (-I), so that variables of the environment such as
        # PYTHONPATH have no effect on the result.
        result = subprocess.run(
            [sys.executable, '-I', '-B', '-c', textwrap.dedent(IMPORT_ALL),
             str(path)], capture_output=True, text=True)
        output = result.stdout + result.stderr
        self.assertEqual(0, result.returncode, output)
        content = json.loads(path.read_text())
        self.assertGreater(content['modules'], 40)
        self.assertEqual([], content['effects'], output)
        self.assertEqual([], content['options'])
        self.assertEqual(content['before'], content['after'])
