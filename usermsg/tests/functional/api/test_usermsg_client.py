# SPDX-License-Identifier: Apache-2.0
"""Tests of usermsgclient alone, with a real Keystone and service."""

import atexit
import email
import functools
import json
import re
import shlex
import signal
import subprocess
import tarfile
import textwrap
import threading
import uuid
import zipfile

from usermsg.tests import base
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import environments
from usermsg.tests.fixtures import forking
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import keystone
from usermsg.tests.fixtures import standalone

# Modules that every command would import.
_IMPORTS = '''
import importlib.metadata
from openstackclient import shell
import openstack.identity.v3._proxy
import usermsgclient.service
for group in ('cliff.formatter.list', 'cliff.formatter.show',
              'openstack.common', 'openstack.user_message.v3'):
    for entry in importlib.metadata.entry_points(group=group):
        entry.load()
'''

_COMMAND = '''
import sys
from openstackclient import shell
sys.exit(shell.main(sys.argv[1:]))
'''

_SECONDS = 120

#: Maximum number of entries in a page, so that lists have several pages.
_PAGE = 3

VOLUME = 'f292cc0c-54a7-4b3b-8174-d2ff82d87008'


class _Cloud:
    """Keystone, and a usermsg that accepts its tokens."""

    def __init__(self):
        self.identity = keystone.Keystone()
        atexit.register(self.identity.stop)
        self.service = standalone.UsermsgApi(
            api={'auth_strategy': 'keystone', 'max_limit': _PAGE},
            keystone_authtoken=self.identity.authtoken())
        atexit.register(self.service.stop)
        self.identity.register('user-message', 'usermsg',
                               f'{self.service.url}/v3')
        self.identity.user('recorder', project='service', roles=['service'])
        self.identity.user('root', project='ops', roles=['admin'])


@functools.cache
def _cloud():
    return _Cloud()


class _Python:
    """The client's Python; see :mod:`usermsg.tests.fixtures.forking`.

    The process ends when its standard input is closed: with this process.
    """

    def __init__(self, environment):
        self._popen = subprocess.Popen(
            [environment.program('python'), forking.__file__, _IMPORTS],
            env=environment.variables(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, encoding='utf-8')
        atexit.register(self._popen.communicate)

    def run(self, code, *arguments, directory, variables):
        """Run code as ``python -c``; return a dict of status, out and err."""
        self._popen.stdin.write(json.dumps({
            'code': code, 'arguments': arguments, 'variables': variables,
            'directory': str(directory)}) + '\n')
        self._popen.stdin.flush()
        return json.loads(self._popen.stdout.readline())


@functools.cache
def _python():
    return _Python(environments.get('own-client'))


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.environment = environments.get('own-client')
        self.cloud = _cloud()
        self.project = f'demo-{uuid.uuid4().hex[:8]}'
        self.user = f'alice-{uuid.uuid4().hex[:8]}'
        self.project_id = self.cloud.identity.project(self.project)
        self.cloud.identity.user(self.user, project=self.project,
                                 roles=['member', 'reader'])

    def record(self, **values):
        return http_client.record(self.cloud.service.runtime, self.project_id,
                                  **values)

    def run_python(self, code, *arguments, user=None, status=0, **more):
        """Run code in the client's environment; return its output.

        :param user: (name, project) of another user than the test's
        :param status: expected exit status; if it isn't 0, standard error is
            returned instead of standard output
        :param more: further environment variables
        """
        account = self.cloud.identity.cloud(
            *(user or (self.user, self.project)))
        result = _python().run(
            code, *arguments, directory=self.home,
            variables=self.environment.variables(**account, **more))
        self.assertNotIn('Traceback', result['err'])
        self.assertEqual(status, result['status'], result['err'])
        return result['err'] if status else result['out']

    def openstack(self, *arguments, **options):
        """Run a command; see :meth:`run_python`."""
        return self.run_python(_COMMAND, *arguments, **options)

    def message(self, *arguments, **options):
        return self.openstack('user', 'message', *arguments, **options)

    def listed(self, *arguments, **options):
        """Return the ids of listed messages."""
        return self.message('list', '-f', 'value', '-c', 'ID', *arguments,
                            **options).split()


RECORDER = ('recorder', 'service')
ROOT = ('root', 'ops')


class TestInstalledAlone(base.TestCase):

    def run_program(self, name, *arguments):
        environment = environments.get('own-client')
        done = subprocess.run(
            [environment.program(name), *arguments], cwd=self.home,
            env=environment.variables(), text=True, check=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS)
        self.assertEqual('', done.stderr)
        return done.stdout

    def test_installation_contains_no_server_packages(self):
        distributions, modules = json.loads(self.run_program(
            'python', '-c', textwrap.dedent('''
                import importlib.metadata, importlib.util, json
                print(json.dumps([
                    [package.name.lower() for package in
                     importlib.metadata.distributions()],
                    [name for name in ('usermsg', 'oslo_db', 'sqlalchemy',
                                       'pecan', 'usermsgclient')
                     if importlib.util.find_spec(name)]]))''')))
        self.assertIn('python-usermsgclient', distributions)
        for name in ('usermsg', 'alembic', 'keystonemiddleware',
                     'oslo.db', 'oslo.messaging', 'oslo.policy', 'pecan',
                     'sqlalchemy', 'waitress'):
            self.assertNotIn(name, distributions)
        self.assertEqual(['usermsgclient'], modules)

    def test_help_lists_the_commands_without_a_cloud(self):
        output = self.run_program('openstack', 'user', 'message', '--help')
        for name in ('create', 'definition list', 'definition show',
                     'delete', 'list', 'mark-read', 'show', 'summary', 'why'):
            self.assertIn(f'  user message {name}\n', output)
        self.assertIn('python-usermsgclient', self.run_program(
            'openstack', 'help', 'user', 'message', 'why'))


class TestPackaging(base.TestCase):

    def test_source_and_wheel_contain_all_modules_and_a_version(self):
        packaging = environments.get('packaging')
        # The source distribution is built from the clone, and the wheel from
        # the source distribution.
        subprocess.run(
            [packaging.program('python'), '-m', 'build', '--no-isolation',
             '--outdir', self.home, base.ROOT / 'client'], check=True,
            env=packaging.variables(), capture_output=True, timeout=_SECONDS)
        [source] = self.home.glob('*.tar.gz')
        [wheel] = self.home.glob('*.whl')
        with tarfile.open(source) as archive:
            packed = {name.partition('/')[2] for name in archive.getnames()}
        with zipfile.ZipFile(wheel) as archive:
            installed = set(archive.namelist())
            [metadata] = [email.message_from_bytes(archive.read(name))
                          for name in installed
                          if name.endswith('/METADATA')]
        modules = {str(path.relative_to(base.ROOT / 'client')) for path in
                   (base.ROOT / 'client' / 'usermsgclient').rglob('*.py')}
        self.assertGreater(len(modules), 10)
        self.assertEqual(set(), modules - packed)
        self.assertEqual(
            modules, {name for name in installed if name.endswith('.py')})
        for name in ('LICENSE', 'README.rst', 'requirements.txt',
                     'setup.cfg', 'pyproject.toml'):
            self.assertIn(name, packed)
        self.assertRegex(metadata['Version'], r'^\d+\.\d+\.\d+')
        self.assertNotEqual('0.0.0', metadata['Version'])
        self.assertIn(metadata['Version'], source.name)
        requirements = (
            base.ROOT / 'client' / 'requirements.txt').read_text()
        self.assertEqual(
            {re.match('[a-z0-9-]+', line)[0]
             for line in requirements.splitlines()
             if not line.startswith('#')},
            {re.match('[a-z0-9-]+', line)[0]
             for line in metadata.get_all('Requires-Dist')})


class TestCommands(TestCase):

    def test_tenant_lists_shows_and_deletes_messages(self):
        first, second = [self.record(resource_uuid=VOLUME,
                                     resource_type='VOLUME')
                         for _number in range(2)]
        self.assertEqual([second.id, first.id], self.listed())
        shown = json.loads(self.message('show', first.id, '-f', 'json'))
        self.assertEqual(VOLUME, shown['resource_uuid'])
        missing = str(uuid.uuid4())
        error = self.message('delete', first.id, missing, second.id,
                             status=1)
        self.assertRegex(error, (
            f'Failed to delete message {missing}: Message {missing} could '
            r'not be found. \(HTTP 404, request req-[-0-9a-f]{36}\)\n'
            '1 of 3 messages could not be deleted.'))
        self.assertEqual([], self.listed())

    def test_why_shows_the_newest_error_and_its_remedy(self):
        self.record(resource_type='VOLUME', resource_uuid=VOLUME)
        self.record(resource_type='VOLUME', resource_uuid=VOLUME,
                    event_id='VOLUME_000003')
        self.record(resource_type='VOLUME', resource_uuid=VOLUME,
                    event_id='VOLUME_000004', level='INFO')
        later, newest = (
            self.cloud.service.runtime.catalogue.describe(event_id, 'de')
            for event_id in ('VOLUME_000004', 'VOLUME_000003'))
        lines, *others = (
            self.message('why', ident, '--language', 'de').splitlines()
            for ident in (VOLUME, VOLUME.upper(), VOLUME.replace('-', '')))
        self.assertEqual([lines, lines], others)
        self.assertTrue(lines[0].startswith(
            f'{later.user_message} (INFO, '), lines)
        self.assertEqual(
            f'Before that: {newest.user_message} {newest.remedy}', lines[1])

    def test_why_without_a_message_is_an_error(self):
        self.assertIn('No message about nothing was found. Give the ID',
                      self.message('why', 'nothing', status=1))

    def test_unknown_column_is_an_error(self):
        for command in ('list', 'summary', 'show nothing', 'why nothing'):
            self.assertIn('There is no column nope. The columns are ',
                          self.message(*command.split(), '-c', 'nope',
                                       status=1))

    def start(self, *arguments):
        """Start a command that waits for messages; return the process."""
        process = subprocess.Popen(
            [self.environment.program('openstack'), 'user', 'message',
             *arguments], cwd=self.home, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=self.environment.variables(**self.cloud.identity.cloud(
                self.user, self.project)))
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_watch_writes_new_messages_until_it_is_interrupted(self):
        old = self.record(now=clocks.behind)
        process = self.start('list', '--watch', '--since', '1h', '-c', 'ID')
        self.assertEqual(old.id, process.stdout.readline().strip())
        new = self.record(now=clocks.behind)
        self.assertEqual(new.id, process.stdout.readline().strip())
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=_SECONDS)
        self.assertEqual((0, '', ''), (process.returncode, output, errors))

    def test_watch_begins_with_the_messages_of_the_last_seconds(self):
        self.record(now=clocks.behind)
        process = self.start('list', '--watch', '-c', 'ID')
        reader = threading.Thread(
            target=lambda: lines.append(process.stdout.readline().strip()))
        self.addCleanup(reader.join)
        self.addCleanup(process.kill)
        lines, recorded = [], []
        reader.start()
        # The time at which the command sends its first request is not known.
        for _attempt in range(_SECONDS):
            recorded.append(self.record().id)
            reader.join(timeout=1)
            if lines:
                break
        recorded.append(self.record().id)
        self.assertIn(lines[0], recorded)
        self.assertEqual(recorded[recorded.index(lines[0]) + 1],
                         process.stdout.readline().strip())

    def test_why_waits_for_an_error_message(self):
        self.record(resource_type='VOLUME', resource_uuid=VOLUME,
                    event_id='VOLUME_000004', level='INFO')
        process = self.start('why', VOLUME, '--wait', '-f', 'value', '-c',
                             'id', '--timeout', '600')
        error = self.record(resource_type='VOLUME', resource_uuid=VOLUME)
        output, errors = process.communicate(timeout=_SECONDS)
        self.assertEqual((f'{error.id}\n', ''), (output, errors))

    def test_why_with_a_name_without_its_service_is_an_error(self):
        self.record(resource_type='VOLUME', resource_uuid=VOLUME)
        self.assertIn(
            'This cloud has no service with the volume data; give the ID',
            self.message('why', '--volume', 'data', status=1))
        self.assertIn('No storage could be allocated', self.message(
            'why', '--volume', VOLUME))

    def test_mark_read_makes_summary_and_list_show_read_messages(self):
        def summarize():
            return {row['Message Level']: (row['Unread'], row['Total'])
                    for row in json.loads(self.message(
                        'summary', '-f', 'json'))}

        for number in range(3):
            self.record(level='WARN' if number else 'ERROR',
                        now=clocks.behind)
        self.assertEqual(
            {'INFO': (0, 0), 'WARN': (2, 2), 'ERROR': (1, 1)}, summarize())
        self.assertEqual('', self.message('mark-read'))
        self.assertEqual(
            {'INFO': (0, 0), 'WARN': (0, 2), 'ERROR': (0, 1)}, summarize())
        self.record(now=clocks.behind)
        self.assertEqual(
            ['True', 'False', 'False', 'False'], self.message(
                'list', '-f', 'value', '-c', 'Unread').split())

    def test_list_reads_further_pages_up_to_its_limit(self):
        recorded = [self.record(now=clocks.behind).id
                    for _number in range(2 * _PAGE + 1)]
        newest = recorded[::-1]
        self.assertEqual(newest, self.listed())
        limit = _PAGE + 1
        self.assertEqual(newest[:limit], self.listed('--limit', str(limit)))
        self.assertEqual(
            newest[limit:], self.listed('--marker', newest[limit - 1]))
        self.assertEqual(
            recorded, self.listed('--sort', 'created_at:asc'))

    def test_list_since_an_age_is_independent_of_the_time_zone(self):
        recorded = self.record()
        # The local time zone must have no effect.
        zone = {'TZ': 'Asia/Tokyo'}
        self.assertEqual([recorded.id], self.listed('--since', '1h', **zone))
        self.assertEqual([], self.listed('--before', '1h', **zone))

    def test_create_with_source_id_records_once(self):
        arguments = ['create', '--project', self.project_id, '--event-id',
                     'VOLUME_000002', '--resource', VOLUME, '--source-id',
                     uuid.uuid4().hex, '-f', 'value', '-c', 'id']
        made = self.message(*arguments, user=RECORDER)
        self.assertEqual(made, self.message(*arguments, user=RECORDER))
        self.assertEqual(made.split(), self.listed())
        arguments[4] = 'VOLUME_000003'
        self.assertIn('was already used',
                      self.message(*arguments, user=RECORDER, status=1))

    def test_create_with_name_without_permission_is_an_error(self):
        self.assertIn(
            f'You may not look up the project {self.project} by its name; '
            'give its ID.', self.message(
                'create', '--project', self.project, '--event-id',
                'VOLUME_000002', user=RECORDER, status=1))
        self.assertEqual([], self.listed())

    def test_create_by_a_tenant_returns_403(self):
        self.assertRegex(
            self.message('create', '--project', self.project, '--event-id',
                         'VOLUME_000002', status=1),
            r'message:create.* \(HTTP 403, request req-')

    def test_administrator_may_use_names_of_projects_and_users(self):
        made = self.message(
            'create', '--project', self.project, '--user', self.user,
            '--event-id', 'VOLUME_000002', '-f', 'value', '-c', 'id',
            user=ROOT)
        self.assertEqual(
            made.split(), self.listed('--project', self.project, user=ROOT))
        self.assertIn(made.strip(), self.listed('--all-projects', user=ROOT))
        self.record(resource_uuid=self.user)
        self.assertIn(f', project {self.project_id}, ', self.message(
            'why', self.user, '--all-projects', user=ROOT))
        self.assertEqual(
            'No project with a name or ID of nowhere exists.\n',
            self.message('list', '--project', 'nowhere', user=ROOT,
                         status=1))

    def test_list_of_another_project_by_a_tenant_returns_403(self):
        recorded = self.record()
        self.assertEqual([recorded.id],
                         self.listed('--project', self.project))
        self.assertRegex(self.message('list', '--all-projects', status=1),
                         r'\(HTTP 403, request req-')
        self.assertRegex(
            self.message('list', '--project',
                         self.cloud.identity.project('ops'), status=1),
            r'\(HTTP 403, request req-')

    def test_missing_endpoint_is_an_error_with_its_interface(self):
        self.assertEqual(
            'This cloud has no internal endpoint of a user-message service '
            'in region RegionOne.\n',
            self.message('list', status=1, OS_INTERFACE='internal'))


class TestDocumentation(TestCase):

    def setUp(self):
        super().setUp()
        text = (base.ROOT / 'doc/source/user/command-line.rst').read_text(
            encoding='utf-8')
        self.blocks = {
            language: [textwrap.dedent(block) for block in re.findall(
                rf'^\.\. code-block:: {language}\n\n((?:(?: +.*)?\n)+)',
                text, re.M)]
            for language in ('console', 'python', 'sh')}
        self.recorded = self.record(
            resource_type='VOLUME', resource_uuid=VOLUME,
            request_id='req-7e2fef96-6255-4c6b-af5f-39c34cf1ea70')

    def with_ids(self, text):
        """Replace the documentation's ids by those of the test."""
        return (text.replace('01a20023-4e6b-74b8-8e8c-e1c6aa724b8f',
                             self.recorded.id)
                .replace('6c430ede9476412888388d3929ced223', self.project_id)
                .replace('--project demo', f'--project {self.project}'))

    def without_times(self, text):
        """Replace times and request ids in an output."""
        text = re.sub(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{6})?',
                      'TIME', text)
        return re.sub('(?<=HTTP 404, request )req-[-0-9a-f]{36}', 'REQUEST',
                      text)

    def test_output_of_commands_equals_the_page(self):
        self.assertGreater(len(self.blocks['console']), 8)
        used = set()
        for block in self.blocks['console']:
            command, _, expected = self.with_ids(block).strip().partition(
                '\n')
            arguments = shlex.split(command)
            self.assertEqual(['$', 'openstack'], arguments[:2])
            used.add(' '.join(arguments[2:6]))
            user, status = (self.user, self.project), 0
            if 'create' in arguments:
                user = RECORDER
            elif '--project' in arguments:
                user = ROOT
            elif 'HTTP 404' in expected:
                status = 1
            self.assertEqual(
                self.without_times(expected.strip()),
                self.without_times(self.openstack(
                    *arguments[2:], user=user, status=status).strip()),
                command)
        for name in ('why', 'list', 'show', 'summary', 'mark-read',
                     'definition list', 'definition show', 'delete',
                     'create'):
            self.assertTrue(any(
                prefix.startswith(f'user message {name}') for prefix in used),
                name)

    def test_script_of_the_page_shows_message_and_remedy(self):
        [script] = self.blocks['python']
        first, second = self.run_python(script).splitlines()
        self.assertIn(f' {VOLUME} No storage could be allocated', first)
        self.assertEqual(
            self.cloud.service.runtime.catalogue.describe(
                'VOLUME_000002', 'de').remedy, second)

    def test_commands_of_the_page_without_keystone_succeed(self):
        service = standalone.shared()
        recorded = http_client.record(
            service.runtime, self.project_id, resource_type='VOLUME',
            resource_uuid=VOLUME)
        text = service.runtime.catalogue.describe('VOLUME_000002').text
        [block] = [block for block in self.blocks['sh']
                   if block.startswith('openstack ')]
        url = 'http://127.0.0.1:9797'
        commands = [line.replace(url, service.url)
                    for line in block.split('\n') if line]
        self.assertIn(f'{url}/v3/', block)
        for command in [*commands, *(
                command.replace('--all-projects',
                                f'--project {self.project_id}')
                for command in commands)]:
            result = _python().run(
                _COMMAND, *shlex.split(command)[1:], directory=self.home,
                variables=self.environment.variables())
            self.assertEqual('', result['err'])
            self.assertIn(text if ' why ' in command else recorded.id,
                          result['out'])

    def test_create_with_project_id_without_keystone_records(self):
        service = standalone.shared()
        result = _python().run(
            _COMMAND, '--os-auth-type', 'none', '--os-endpoint',
            f'{service.url}/v3/', *shlex.split(
                f'user message create --project {self.project_id} '
                f'--event-id VOLUME_000002 -f value -c event_id'),
            directory=self.home, variables=self.environment.variables())
        self.assertEqual('VOLUME_000002\n', result['out'], result['err'])


class TestSdk(TestCase):

    def call(self, script, user=None):
        """Run a script with the proxy ``messages``; return its ``result``."""
        prologue = textwrap.dedent('''
            import datetime, json, openstack
            from openstack import exceptions
            from usermsgclient import service
            connection = openstack.connect()
            connection.add_service(service.UserMessageService())
            messages = connection.user_message
            def ids(resources):
                return [resource.id for resource in resources]
        ''')
        return json.loads(self.run_python(
            f'{prologue}{textwrap.dedent(script)}\n'
            'print(json.dumps(result))', user=user))

    def test_messages_with_each_filter(self):
        volume = self.record(resource_type='VOLUME', resource_uuid=VOLUME,
                             request_id='req-a', level='WARN',
                             now=clocks.behind)
        share = self.record(event_id='SHARE_SHARE_001_001',
                            resource_type='SHARE', resource_uuid='b',
                            now=clocks.behind)
        result = self.call(f'''
            second = datetime.datetime.fromisoformat(
                '{share.created_at.isoformat()}')
            tick = datetime.timedelta(microseconds=1)
            result = [ids(messages.messages(**query)) for query in (
                dict(), dict(resource_type='volume'),
                dict(resource_uuid='{VOLUME}'), dict(request_id='req-a'),
                dict(event_id='SHARE_SHARE_001_001'),
                dict(message_level='WARN'), dict(created_since=second),
                dict(created_before=second - tick),
                dict(sort='created_at:asc'), dict(max_items=1),
                dict(limit=1), dict(marker='{share.id}'),
                dict(project_id='{self.project_id}'))]''')
        both, one, other = [share.id, volume.id], [volume.id], [share.id]
        self.assertEqual(
            [both, one, one, one, other, one, other, one, both[::-1], other,
             both, one, both], result)

    def test_create_messages_returns_a_status_per_message(self):
        result = self.call(user=RECORDER, script=f'''
            batch = [dict(project_id='{self.project_id}',
                          event_id='VOLUME_000002', resource_uuid=str(number),
                          source_id='{uuid.uuid4().hex}' + str(number))
                     for number in range(3)]
            messages.create_messages(batch[:1])
            result = [[message.id, message.status]
                      for message in messages.create_messages(batch)]
            for entry in batch:
                entry['event_id'] = 'VOLUME_000003'
            batch.append(dict(project_id='{self.project_id}',
                              event_id='VOLUME_000002'))
            recorded = messages.create_messages(batch)
            result.append([message.status for message in recorded])
            result.append(recorded[0].error['code'])
            for invalid in (batch[:2], [dict(event_id='VOLUME_000002')]):
                try:
                    messages.create_messages(invalid)
                except exceptions.HttpException as error:
                    result.append([error.status_code, error.details])''')
        *recorded, statuses, code, conflict, invalid = result
        self.assertEqual([200, 201, 201],
                         [status for _id, status in recorded])
        self.assertEqual([409, 409, 409, 201], statuses)
        self.assertEqual('user-message.message.source_conflict', code)
        self.assertEqual(409, conflict[0])
        self.assertIn('was already used', conflict[1])
        self.assertEqual([400, 'messages[0].project_id: is required.'],
                         invalid)
        self.assertEqual([ident for ident, _status in recorded][::-1],
                         self.listed()[1:])

    def test_latest_messages_summary_and_read_mark(self):
        recorded = [self.record(resource_type='VOLUME',
                                resource_uuid=f'volume-{number % 2}',
                                now=clocks.behind) for number in range(4)]
        result = self.call('''
            latest = messages.latest_messages(
                ['volume-0', 'volume-1', 'missing'])
            result = [{name: message.id for name, message in latest.items()}]
            before = messages.get_read_mark().message
            result += [before, messages.mark_read(latest['volume-0']).message]
            summary = messages.message_summary(message_level='ERROR')
            result += [summary.newest_id, ids(messages.messages(
                           marker=summary.follow_id, max_items=1)),
                       summary.levels['ERROR']['unread'],
                       [message.unread for message in messages.messages()]]
            ''')
        self.assertEqual(
            [{'volume-1': recorded[3].id, 'volume-0': recorded[2].id}, None,
             recorded[2].id, recorded[3].id, [recorded[3].id], 1,
             [True, False, False, False]], result)

    def test_latest_messages_have_the_ids_that_were_given(self):
        self.record(resource_type='VOLUME', resource_uuid=VOLUME)
        recorded = self.record(resource_type='VOLUME', resource_uuid=VOLUME)
        forms = [VOLUME.upper(), VOLUME.replace('-', ''), VOLUME]
        self.assertEqual(
            dict.fromkeys(forms, recorded.id), self.call(f'''
                latest = messages.latest_messages({forms})
                result = {{name: message.id
                          for name, message in latest.items()}}'''))

    def test_get_and_delete_message(self):
        recorded = self.record()
        result = self.call(f'''
            message = messages.get_message('{recorded.id}')
            result = [message.event_id, message.resource_uuid]
            messages.delete_message(message)
            messages.delete_message(message)
            for missing in ('{recorded.id}', '../messages', 'a?b', 'a b%'):
                try:
                    messages.get_message(missing)
                except exceptions.NotFoundException:
                    result.append(404)''')
        self.assertEqual(['VOLUME_000002', None, 404, 404, 404, 404], result)

    def test_defined_messages_in_a_language(self):
        result = self.call('''
            messages.language = 'de'
            listed = list(messages.defined_messages(
                prefix='volume', user_fixable=True, retryable=False,
                max_items=7))
            result = [len(set(ids(listed))), [
                [one.prefix, one.user_fixable, one.retryable]
                for one in listed],
                messages.get_defined_message('000002').text,
                messages.find_defined_message('NOTHING')]''')
        catalogue = self.cloud.service.runtime.catalogue
        self.assertEqual(
            [7, [['VOLUME', True, False]] * 7,
             catalogue.describe('VOLUME_000002', 'de').user_message, None],
            result)
