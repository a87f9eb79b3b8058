# SPDX-License-Identifier: Apache-2.0
"""Generated samples, and oslo.policy's tools with the policy of usermsg."""

import os
import pathlib
import re
import subprocess
import sys

from keystoneauth1 import loading
import yaml

from usermsg.api import app
from usermsg import conf as usermsg_conf
from usermsg import config
from usermsg.notifications.drivers import loader
from usermsg.outbox import relay
from usermsg import policies
from usermsg.policies import messages as rules
from usermsg import policy
from usermsg.tests import base


REDUNDANT = {rule.name: rule.check_str for rule in policies.list_rules()}[
    rules.GET_ALL]


def value(conf, group, name):
    return (conf if group == 'DEFAULT' else conf[group])[name]


class TestCase(base.TestCase):

    def call(self, program, *arguments, status=0, **environment):
        """Run a program of this environment; return its output.

        :param status: expected exit status; stderr is returned unless 0
        """
        result = subprocess.run(
            [sys.executable,
             pathlib.Path(sys.executable).with_name(program), *arguments],
            cwd=base.ROOT, text=True, capture_output=True, timeout=120,
            env={**os.environ, **environment})
        self.assertEqual(status, result.returncode, result.stderr)
        self.assertNotIn('Traceback', result.stderr)
        return result.stdout if status == 0 else result.stderr


class TestSamples(TestCase):

    def generate(self, program, name):
        """Generate a sample with a file of etc/usermsg, as tox does."""
        path = self.home / name
        self.call(program, '--config-file', f'etc/usermsg/{name}',
                  '--output-file', str(path))
        return path

    def make_full_config(self):
        """Return a ConfigOpts with the options of all usermsg programs."""
        runtime = self.runtime(
            tables=False, api={'auth_strategy': 'keystone'},
            keystone_authtoken={
                'auth_type': 'password', 'auth_url': 'http://127.0.0.1:9',
                'username': 'usermsg', 'password': 'any'},
            oslo_messaging_notifications={
                'driver': 'messagingv2\ndriver = rabbit\ndriver = qpid\n'
                          'driver = logging',
                'transport_url': 'rabbit://127.0.0.1:9'},
            oslo_messaging_qpid={'hosts': 'amqp://127.0.0.1:9',
                                 'address': 'notifications'})
        app.make_app(runtime)
        loader.close(relay.load_drivers(runtime.conf))
        return runtime.conf

    def test_sample_configuration_contains_all_options(self):
        path = self.generate('oslo-config-generator', 'config-generator.conf')
        text = path.read_text(encoding='utf-8')
        section, in_sample = None, set()
        for line in text.splitlines():
            if header := re.match(r'\[(\w+)]$', line):
                section = header[1]
            elif option := re.match(r'#(\w+) =', line):
                in_sample.add((section, option[1]))
        conf = self.make_full_config()
        registered = set()
        for name, group in conf._groups.items():
            registered |= {(name, option) for option in group._opts}
        registered |= {('DEFAULT', option) for option in conf._opts}
        # Options of the command line only.
        registered -= {('DEFAULT', 'config_file'), ('DEFAULT', 'config_dir'),
                       ('DEFAULT', 'config_source'),
                       ('DEFAULT', 'shell_completion')}
        # The sample has one group for all transports.
        registered -= {option for option in registered
                       if option[0] == 'listener_transport_default'}
        # keystonemiddleware registers the group for a cache that usermsg
        # doesn't use.
        registered -= {option for option in registered if option[0] == 'cache'}
        # These depend on auth_type.
        registered -= {('keystone_authtoken', option.dest) for option in
                       loading.get_auth_plugin_conf_options('password')}
        self.assertIn(('DEFAULT', 'graceful_shutdown_timeout'), registered)
        self.assertEqual(set(), registered - in_sample)
        for section in ('keystone_authtoken', 'oslo_policy', 'database'):
            self.assertIn(f'\n[{section}]\n', text)

    def test_sample_configuration_is_valid(self):
        path = self.generate('oslo-config-generator', 'config-generator.conf')
        text = path.read_text(encoding='utf-8')
        # All lines of the sample are comments, so uncomment the defaults of
        # usermsg's options.
        names = {(group.name if group else 'DEFAULT', option.name)
                 for group, options in usermsg_conf.list_opts()
                 for option in options}
        section, uncommented, lines = None, set(), []
        for line in text.splitlines():
            if header := re.match(r'\[(\w+)]$', line):
                section = header[1]
            option = re.match(r'#(\w+) = (?!<None>)', line)
            if option and (section, option[1]) in names:
                uncommented.add((section, option[1]))
                line = line[1:]
            lines.append(line)
        self.assertGreater(len(uncommented), 5)
        sample = self.write('sample.conf', '\n'.join(lines))
        conf = config.load_config(['--config-file', sample])
        default = config.load_config(['--config-file', str(path)])
        for group, name in names:
            self.assertEqual(value(default, group, name),
                             value(conf, group, name))

    def test_sample_policy_is_valid(self):
        path = self.generate('oslopolicy-sample-generator',
                             'policy-generator.conf')
        text = path.read_text(encoding='utf-8')
        uncommented = re.sub('^#(?=")', '', text, flags=re.M)
        self.assertEqual(
            {rule.name for rule in policies.list_rules()},
            set(yaml.safe_load(uncommented)))
        for content in (text, uncommented):
            policy.Policy(config.load_config(
                ['--config-file', self.config_file(oslo_policy={
                    'policy_file': self.write('policy.yaml', content)})]))


class TestTools(TestCase):

    def setUp(self):
        super().setUp()
        self.policy = self.write('policy.yaml', yaml.safe_dump({
            rules.GET_ALL: REDUNDANT, rules.GET: 'role:auditor'}))
        self.config = self.config_file(
            oslo_policy={'policy_file': self.policy})
        self.namespace = ('--namespace', 'usermsg')

    def test_redundant_rules_are_listed(self):
        for output in (
                self.call('oslopolicy-list-redundant', *self.namespace,
                          '--config-file', self.config),
                self.call('oslopolicy-list-redundant', *self.namespace,
                          **{config.CONFIG_FILES_VARIABLE: self.config})):
            self.assertEqual({rules.GET_ALL: REDUNDANT},
                             yaml.safe_load(output))

    def test_policy_generator_writes_all_effective_rules(self):
        effective = yaml.safe_load(self.call(
            'oslopolicy-policy-generator', *self.namespace,
            f'--config-file={self.config}'))
        self.assertEqual({rule.name for rule in policies.list_rules()},
                         set(effective))
        self.assertEqual('role:auditor', effective[rules.GET])

    def test_validator_accepts_a_valid_file(self):
        self.call('oslopolicy-validator', *self.namespace,
                  '--config-file', self.config)

    def test_invalid_file_is_reported_with_line_and_reason(self):
        self.write('policy.yaml', '# typo\n"message:gte": "role:auditor"\n')
        for tool in ('validator', 'list-redundant', 'policy-generator'):
            error = self.call(f'oslopolicy-{tool}', *self.namespace,
                              '--config-file', self.config, status=1)
            self.assertIn(f'{self.policy}:2: message:gte: this rule does not '
                          'exist', error)

    def test_checker_evaluates_a_token(self):
        # The checker needs no namespace: usermsg's rules use only checks of
        # oslo.policy.
        access = self.write('access.json', (
            '{"token": {"roles": [{"name": "auditor"}], '
            '"user": {"id": "u"}, "project": {"id": "p"}}}'))
        output = self.call('oslopolicy-checker', '--policy', self.policy,
                           '--access', access)
        self.assertIn(f'passed: {rules.GET}\n', output)
        self.assertIn(f'failed: {rules.GET_ALL}\n', output)
