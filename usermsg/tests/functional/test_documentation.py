# SPDX-License-Identifier: Apache-2.0
"""Examples, commands and options of the documentation, executed."""

import configparser
import json
import os
import pathlib
import re
import runpy
import subprocess
import sys
import textwrap
import uuid

import fixtures
import jsonschema
from keystoneauth1 import loading
from keystoneauth1 import noauth
from keystoneauth1 import session
from keystonemiddleware import opts as auth_opts
from oslo_middleware import cors

from usermsg.api import app
from usermsg.api.controllers import root
from usermsg.api import openapi
from usermsg.api import schemas
from usermsg.catalogue import catalogue
from usermsg.catalogue import loader
from usermsg.cmd import status
from usermsg import conf as usermsg_conf
from usermsg import config
from usermsg import context
from usermsg.db import migration
from usermsg import exception
from usermsg.message import api
from usermsg.message import schemas as message_schemas
from usermsg.notifications.drivers import loader as driver_loader
from usermsg import service
from usermsg.tests import base
from usermsg.tests.fixtures import environments
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import keystone
from usermsg.tests.fixtures import standalone


def _blocks(name, language):
    """Return the code blocks of one language in a page."""
    text = (base.ROOT / name).read_text(encoding='utf-8')
    blocks = re.findall(
        rf'^\.\. code-block:: {language}\n\n((?:(?: +.*)?\n)+)', text, re.M)
    assert blocks, f'{name} has no {language}'
    return [textwrap.dedent(block) for block in blocks]


class DocumentationTest(base.TestCase):

    def test_examples_of_recording_record_a_message(self):
        runtime = self.runtime(tables=False)
        migration.sync(runtime.db)
        environment = {**os.environ,
                       config.CONFIG_FILES_VARIABLE: self.config_file()}
        for script in ([str(base.ROOT / 'examples' / 'record.py')],
                       ['-c', 'class Service: pass\nself = Service()\n' +
                        _blocks('README.rst', 'python')[0]]):
            subprocess.run([sys.executable, *script], env=environment,
                           check=True, capture_output=True)

        messages = api.API(runtime).get_all(context.RequestContext(
            project_id='6c430ede-9476-4128-8838-8d3929ced223'))
        self.assertEqual(['VOLUME_000002'] * 2,
                         [message.event_id for message in messages])

    def test_calls_in_the_developer_guide_record_messages(self):
        runtime = self.runtime()
        recorder = api.API(runtime)

        class Service:
            message_api = recorder

        names = {'self': Service, 'volume_id': 'some-volume',
                 'context': context.RequestContext(project_id='p')}
        exec('from usermsg.message import resource_types', names)
        (threads, first, second, shared, over_the_bus, _over_http,
         _plug_in) = _blocks('doc/source/developer/recording.rst', 'python')
        exec(threads)
        exec(first, names)
        exec('try:\n    raise ValueError\n' + second, names)
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, str(self.home / 'usermsg.conf')))
        names['message_api'] = api
        exec(shared, names)
        self.addCleanup(names['runtime'].db.dispose)

        messages = recorder.get_all(names['context'])
        self.assertEqual(['VOLUME_VOLUME_001_001', 'VOLUME_VOLUME_002_021'],
                         [message.event_id for message in messages])

        self.config_file(oslo_messaging_notifications={
            'transport_url': 'rabbit://user:password@127.0.0.1:1/'})
        exec(over_the_bus, names)
        self.assertRaises(exception.ConfigurationError,
                          Service.message_api.get_all, names['context'])

    def test_http_call_in_the_developer_guide_records_a_message(self):
        server = standalone.shared()
        over_http = _blocks('doc/source/developer/recording.rst', 'python')[5]
        project = uuid.uuid4().hex
        user = context.RequestContext(project_id=project, user_id='alice')
        names = {
            'context': user, 'volume_id': 'some-volume',
            'session': session.Session(
                auth=noauth.NoAuth(endpoint=f'{server.url}/v3/'),
                additional_headers=http_client.build_headers(
                    'services', 'service'))}
        exec(over_http, names)

        [message] = api.API(server.runtime).get_all(user)
        self.assertEqual(message.id, names['message']['id'])
        self.assertEqual('VOLUME_VOLUME_002_021', message.event_id)
        self.assertEqual(user.request_id, message.request_id)

    def test_commands_in_the_user_and_developer_guides_succeed(self):
        environment = {**os.environ, 'TOKEN': 'any',
                       'ENDPOINT': standalone.shared().url}
        commands = [
            command for block in _blocks('doc/source/user/rest-api.rst',
                                         'console')
            for command in re.split(r'^\$ ', block, flags=re.M)[1:]]
        commands += _blocks('doc/source/developer/recording.rst', 'sh')
        for command in commands:
            subprocess.run(
                ['sh', '-c', command.replace('curl', 'curl -fsS', 1)],
                env=environment, cwd=self.home, check=True,
                capture_output=True)

    def test_plug_in_in_the_developer_guide_is_a_valid_catalogue(self):
        names = {}
        exec(_blocks('doc/source/developer/recording.rst', 'python')[-1],
             names)
        backups = catalogue.Catalogue([names['NAMESPACE']])
        self.assertEqual(
            'create backup job: The cause is not known.',
            backups.describe('BACKUP_BACKUP_JOB_001_001').user_message)

    def test_options_in_the_admin_guide_exist(self):
        supported = {(group, option.dest) for group, options in (
            *auth_opts.list_auth_token_opts(), ('cors', cors.OPTS),
            *((group and group.name, options)
              for group, options in usermsg_conf.list_opts()))
            for option in options}
        supported |= {('keystone_authtoken', option.dest) for option in
                      loading.get_auth_plugin_conf_options('password')}
        for block in (*_blocks('doc/source/admin/monitoring.rst', 'ini'),
                      *_blocks('doc/source/admin/proxy.rst', 'ini'),
                      *_blocks('doc/source/admin/identity.rst', 'ini')):
            parser = configparser.ConfigParser()
            parser.read_string(block)
            for group in parser.sections():
                for name in parser[group]:
                    self.assertIn((group, name), supported)

    def test_drivers_in_the_notifications_guide_load(self):
        names = set()
        for block in _blocks(
                'doc/source/admin/notification-drivers.rst', 'ini'):
            block = re.sub(r'(?m)^(log_file|ssl_ca_file) = .*',
                           rf'\1 = {self.write("file", "")}', block)
            conf = config.load_config(
                ['--config-file', self.write('usermsg.conf', block)])
            parser = configparser.ConfigParser(default_section=None)
            parser.read_string(block)
            for group in parser.sections():
                for name in parser[group]:
                    (conf if group == 'DEFAULT' else conf[group])[name]
            drivers = driver_loader.load(conf)
            names.update(drivers)
            driver_loader.close(drivers)
        self.assertLessEqual({'logging', 'rabbit'}, names)

    def test_account_of_the_identity_guide_validates_tokens(self):
        identity = keystone.shared()
        name = f'usermsg-{uuid.uuid4().hex[:8]}'
        clients = environments.get('clients')
        for command in _blocks('doc/source/admin/identity.rst', 'sh'):
            subprocess.run(
                ['sh', '-e', '-c', re.sub(r'\busermsg\b', name, command)],
                env=clients.variables(
                    **identity.cloud('admin', project='admin')),
                check=True, capture_output=True, timeout=300)
        parser = configparser.ConfigParser()
        parser.read_string(
            _blocks('doc/source/admin/identity.rst', 'ini')[0])
        options = dict(parser['keystone_authtoken'])
        self.assertEqual('usermsg', options['username'])
        application = app.make_app(self.runtime(
            api={'auth_strategy': 'keystone'}, keystone_authtoken={
                **options, 'username': name, 'auth_url': identity.url}))
        identity.user('alice', project=name, roles=['reader'])
        response = http_client.request(application, '/v3/messages', headers={
            'X-Auth-Token': identity.token('alice', project=name)})
        self.assertEqual(200, response.status_int)

    def test_overlays_in_the_admin_guide_are_valid(self):
        for number, block in enumerate(
                _blocks('doc/source/admin/catalogue.rst', 'yaml')):
            self.write(f'overlay/{number}.yaml', block)
        merged = loader.load(self.home / 'overlay')
        self.assertIn('fr', merged.languages)
        self.assertEqual(
            'start robot: The robot is out of oil.',
            merged.describe('ACME_ACME_ROBOT_001_002').user_message)

    def test_configuration_in_the_installation_guide_is_valid(self):
        path = self.write(
            'usermsg.conf',
            _blocks('doc/source/admin/installation.rst', 'ini')[0])
        conf = config.load_config(['--config-file', path])
        service.make_runtime(conf)
        self.assertEqual('keystone', conf.api.auth_strategy)

    def test_files_in_the_admin_guide_are_those_of_etc(self):
        pages = pathlib.Path(base.ROOT, 'doc', 'source', 'admin')
        included = {
            (pages / name).resolve() for page in pages.glob('*.rst')
            for name in re.findall(r'^\.\. literalinclude:: (.*)$',
                                   page.read_text(encoding='utf-8'), re.M)}
        etc = base.ROOT / 'etc' / 'usermsg'
        self.assertEqual({etc / 'uwsgi.ini', etc / 'nginx.conf',
                          etc / 'nginx-message-paths.conf'}, included)
        table = (pages / 'deployment.rst').read_text(encoding='utf-8')
        for path in etc.iterdir():
            if path.suffix in ('.ini', '.service') or path in included:
                self.assertIn(f'\n``{path.name}`` ', table)

    def test_checks_in_the_upgrade_guide_match_the_command(self):
        page = (base.ROOT / 'doc/source/admin/upgrade.rst').read_text(
            encoding='utf-8')
        for name, _check in status.Checks._upgrade_checks:
            self.assertRegex(page, rf'(?m)^{name}  ')
        self.assertIn(f'newest {status.NEWEST:,} messages',
                      ' '.join(page.split()))
        self.assertIn(f'\n{status.NOT_CHECKED}  ', page)

    def test_api_reference_lists_routes_with_parameters_and_statuses(self):
        routes = root.Root(self.runtime(tables=False)).native_routes
        extension = runpy.run_path(
            str(base.ROOT / 'doc' / 'source' / '_ext' / 'usermsg_api.py'))
        text = '\n'.join(extension['lines'](openapi.describe(routes)))
        common, *sections = re.split(r'^``([A-Z]+ /.*)``$\n-+$', text,
                                     flags=re.M)
        self.assertIn('``X-OpenStack-Request-ID``', common)
        by_route = dict(zip(sections[::2], sections[1::2]))
        self.assertEqual({f'{route.method} {route.path}' for route in routes},
                         set(by_route))
        for route in routes:
            section = by_route[f'{route.method} {route.path}']
            names = [*(route.query or ()), *re.findall('{(.*?)}', route.path)]
            if route.method == 'POST':
                names += message_schemas.NEW_MESSAGE['properties']
            elif route.body:
                names += route.body['properties']
            if route.rule:
                names.append(route.rule)
            for name in names:
                self.assertIn(f'``{name}``', section)
            for code in route.responses:
                self.assertIn(f'   * - {code} ', section)

    def test_responses_in_the_user_guide_match_the_schemas(self):
        by_key = {'messages': schemas.MESSAGES, 'errors': schemas.ERROR,
                  'defined_message': schemas.DEFINITION,
                  'summary': schemas.SUMMARY, 'message': schemas.READ_MARK}
        for block in _blocks('doc/source/user/rest-api.rst', 'json'):
            response = json.loads(block)
            jsonschema.validate(response, by_key.pop(next(iter(response))))
        self.assertEqual({}, by_key)
