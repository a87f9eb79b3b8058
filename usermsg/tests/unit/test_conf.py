# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
import ast
import importlib.metadata
import pathlib

import fixtures
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_config import generator as config_generator
from oslo_messaging._drivers import amqp
from oslo_middleware import cors
from oslo_policy import generator as policy_generator
import testtools
import yaml

import usermsg
from usermsg import conf as usermsg_conf
from usermsg.conf import libraries
from usermsg import policies
from usermsg.tests import base

SOURCES = pathlib.Path(usermsg.__file__).parent


def attributes():
    """The names of all attributes that our code reads."""
    for path in SOURCES.rglob('*.py'):
        if {'tests', 'conf'} & set(path.relative_to(SOURCES).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if (isinstance(node, ast.Attribute) and
                    isinstance(node.ctx, ast.Load)):
                yield node.attr


class OptionsTest(testtools.TestCase):

    def options(self):
        for group, options in usermsg_conf.list_opts():
            for option in options:
                yield group, option

    def test_every_option_is_read(self):
        read = set(attributes())
        for group, option in self.options():
            self.assertIn(option.dest, read,
                          f'nobody reads [{group}] {option.name}')

    def test_every_group_is_read(self):
        read = set(attributes())
        for group, _options in usermsg_conf.list_opts():
            self.assertIn(group.name, read)
            self.assertTrue(group.title)

    def test_every_option_says_what_it_is_for(self):
        for group, option in self.options():
            self.assertTrue(option.help.endswith('.'), option.name)

    def test_every_default_is_valid(self):
        conf = cfg.ConfigOpts()
        usermsg_conf.register_opts(conf)
        conf([], default_config_files=[], default_config_dirs=[])
        for group, option in self.options():
            value = conf[group.name][option.dest]
            if value is not None:
                self.assertEqual(value, option.type(
                    ','.join(value) if isinstance(value, list) else
                    str(value)))

    def test_registering_is_possible_more_than_once(self):
        conf = cfg.ConfigOpts()
        usermsg_conf.register_opts(conf)
        usermsg_conf.register_opts(conf)

    def test_registering_in_one_leaves_others_alone(self):
        usermsg_conf.register_opts(cfg.ConfigOpts())
        for group, _options in usermsg_conf.list_opts():
            self.assertNotIn(group.name, cfg.CONF)


class SampleTest(base.TestCase):

    def setUp(self):
        super().setUp()
        # The generators set up the logging of their process, and change
        # defaults in libraries.
        self.useFixture(fixtures.FakeLogger())
        for _group, options in (('cors', cors.OPTS),
                                ('oslo_messaging_rabbit', amqp.amqp_opts),
                                *auth_token.AUTH_TOKEN_OPTS):
            self.addCleanup(cfg.set_defaults, options, **{
                option.dest: option.default for option in options})
        self.path = self.home / 'sample'

    def test_the_sample_configuration(self):
        conf = cfg.ConfigOpts()
        config_generator.register_cli_opts(conf)
        conf(['--namespace', 'usermsg', '--output-file', str(self.path)],
             default_config_files=[], default_config_dirs=[])
        config_generator.generate(conf)
        sections = {}
        for line in self.path.read_text(encoding='utf-8').splitlines():
            if line.startswith('['):
                section = sections[line] = []
            elif line:
                section.append(line)
        for group, options in usermsg_conf.list_opts():
            lines = sections[f'[{group.name}]']
            text = ' '.join(line.lstrip('# ') for line in lines)
            for option in options:
                self.assertTrue(any(line.startswith(f'#{option.name} =')
                                    for line in lines), option.name)
                self.assertIn(option.help[:40], text)

    def test_the_sample_has_our_defaults_for_libraries(self):
        conf = cfg.ConfigOpts()
        config_generator.register_cli_opts(conf)
        conf(['--namespace', 'usermsg',
              '--namespace', 'keystonemiddleware.auth_token',
              '--namespace', 'oslo.messaging',
              '--output-file', str(self.path)],
             default_config_files=[], default_config_dirs=[])
        config_generator.generate(conf)
        lines = self.path.read_text(encoding='utf-8').splitlines()
        for line in ('#amqp_durable_queues = true',
                     '#http_connect_timeout = 3',
                     '#http_request_max_retries = 1',
                     '#include_service_catalog = false',
                     '#service_type = user-message'):
            self.assertIn(line, lines)

    def test_the_sample_policy(self):
        conf = cfg.ConfigOpts()
        policy_generator.generate_sample(
            ['--namespace', 'usermsg', '--output-file', str(self.path)],
            conf=conf)
        text = self.path.read_text(encoding='utf-8')
        words = ' '.join(text.replace('#', ' ').split())
        self.assertIsNone(yaml.safe_load(text))
        for rule in policies.list_rules():
            self.assertIn(f'#"{rule.name}": "{rule.check_str}"', text)
            self.assertIn(' '.join(rule.description.split()), words)
            for operation in rule.operations:
                self.assertIn('{method} {path}'.format(**operation), words)

    def test_what_the_sample_says_is_the_default(self):
        conf = cfg.ConfigOpts()
        policy_generator.generate_sample(
            ['--namespace', 'usermsg', '--output-file', str(self.path)],
            conf=conf)
        lines = self.path.read_text(encoding='utf-8').splitlines()
        rules = yaml.safe_load('\n'.join(
            line[1:] for line in lines if line.startswith('#"')))
        self.assertEqual({rule.name: rule.check_str
                          for rule in policies.list_rules()}, rules)
        self.write('policy.yaml', yaml.safe_dump(rules))
        self.runtime(tables=False, oslo_policy={
            'policy_file': self.home / 'policy.yaml'})

    def test_the_generators_find_us(self):
        for group, function in (
                ('oslo.config.opts', usermsg_conf.list_opts),
                ('oslo.config.opts.defaults', libraries.set_defaults),
                ('oslo.policy.policies', policies.list_rules)):
            found, = importlib.metadata.entry_points(group=group,
                                                     name='usermsg')
            self.assertIs(function, found.load())


class PoolTest(base.TestCase):

    def test_the_options_of_the_pool_count_for_sqlite_too(self):
        runtime = self.runtime(database={
            'max_pool_size': 3, 'max_overflow': 0, 'pool_timeout': 7})
        pool = runtime.db.engine().pool
        self.assertEqual(3, pool.size())
        self.assertEqual(7, pool.timeout())
        with runtime.db.reader() as connection:
            self.assertEqual(1, connection.exec_driver_sql(
                'SELECT 1').scalar())
