# SPDX-License-Identifier: Apache-2.0
import http.server
import os
import threading

import fixtures

from usermsg import config
from usermsg import context
from usermsg import exception
from usermsg.policies import defined_messages as catalogue_rules
from usermsg.policies import health
from usermsg.policies import messages as rules
from usermsg import policy
from usermsg.tests import base

# role -> permitted rules: (in the token's project, in other projects)
CATALOGUE = {catalogue_rules.GET_ALL, catalogue_rules.GET}
READ = {rules.GET_ALL, rules.GET, rules.GET_SUMMARY, rules.GET_READ_MARK,
        rules.UPDATE_READ_MARK}
PERSONAS = {
    'reader': (READ | CATALOGUE, CATALOGUE),
    'member': (READ | {rules.DELETE} | CATALOGUE, CATALOGUE),
    'admin': (READ | {rules.DELETE, rules.CREATE, rules.READ_ALL_PROJECTS,
                      rules.DELETE_ALL_PROJECTS, health.DETAIL} | CATALOGUE,
              ) * 2,
    'service': ({rules.CREATE} | CATALOGUE,) * 2,
    'robot': (set(), set()),
}
# Keystone adds the implied roles of a role to a token.
IMPLIED = {'member': ['reader'], 'admin': ['member', 'reader']}
ALL = {rule.name for rule in policy.policies.list_rules()}


def identity(role='reader', project_id='one', **values):
    return context.RequestContext(
        project_id=project_id, roles=[role, *IMPLIED.get(role, [])], **values)


class PolicyTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger())
        self.path = str(self.home / 'policy.yaml')
        self._changes = 0

    def conf(self, **options):
        options.setdefault('policy_file', self.path)
        return config.load_config(
            ['--config-file', self.config_file(oslo_policy=options)])

    def policy(self, **options):
        return policy.Policy(self.conf(**options), check_interval=0)

    def write(self, name, text):
        """Write a file with a new modification time."""
        path = super().write(name, text)
        self._changes += 1
        os.utime(path, (self._changes, self._changes))
        return path


class DefaultsTest(PolicyTestCase):

    def setUp(self):
        super().setUp()
        self.write('policy.yaml', '# No rules.\n')
        self.default = self.policy()

    def test_personas_cover_every_rule(self):
        self.assertEqual(ALL, set().union(*PERSONAS['admin']))

    def test_default_rules_permit_documented_operations(self):
        for role, (in_project, elsewhere) in PERSONAS.items():
            for project_id, expected in (
                    ('one', in_project), ('two', elsewhere),
                    (None, elsewhere), ('', elsewhere)):
                allowed = {rule for rule in ALL if self.default.allows(
                    identity(role), rule, project_id)}
                self.assertEqual(expected, allowed, (role, project_id))

    def test_context_without_project_is_denied(self):
        for token_project in (None, ''):
            for role in ('reader', 'member'):
                for project_id in (None, '', 'None', 'one'):
                    for rule in ALL - CATALOGUE:
                        self.assertFalse(self.default.allows(
                            identity(role, token_project), rule, project_id))

    def test_admin_without_project_is_permitted(self):
        self.assertTrue(self.default.allows(
            identity('admin', None), rules.GET, 'one'))

    def test_context_without_roles_is_denied(self):
        without_roles = context.RequestContext(project_id='one')
        self.assertEqual(set(), {
            rule for rule in ALL
            if self.default.allows(without_roles, rule, 'one')})

    def test_project_with_similar_id_is_denied(self):
        for project_id in ('One', 'one ', 'on', '%(project_id)s', 'one%'):
            self.assertFalse(self.default.allows(identity(), rules.GET,
                                                 project_id))

    def test_system_and_domain_tokens_are_denied(self):
        for scope in ({'system_scope': 'all'}, {'domain_id': 'd'}):
            for role in PERSONAS:
                for project_id in (None, 'one'):
                    for rule in ALL:
                        self.assertFalse(self.default.allows(
                            identity(role, project_id, **scope), rule,
                            'one'))

    def test_context_evaluates_rules_for_its_project(self):
        reader = identity(policy=self.default)
        self.assertTrue(reader.can(rules.GET))
        self.assertFalse(reader.can(rules.GET, 'two'))
        self.assertFalse(reader.can(rules.DELETE))
        error = self.assertRaises(exception.Forbidden, reader.authorize,
                                  rules.DELETE)
        self.assertIn(rules.DELETE, str(error))
        self.assertIsNone(reader.authorize(rules.GET))

    def test_context_without_policy_is_denied(self):
        self.assertFalse(identity('admin').can(rules.GET))

    def test_cached_decision_applies_to_equal_contexts_only(self):
        attributes = set(identity().to_policy_values())
        for name in sorted(attributes - {'roles', 'service_roles'}):
            other = identity()
            setattr(other, name, 'other')
            self.write('policy.yaml', f'"{rules.GET}": "{name}:other"\n')
            enforced = self.policy()
            # These two scopes are denied independently of the rule.
            scoped = name in ('system_scope', 'domain_id')
            for _time in range(2):
                self.assertFalse(
                    enforced.allows(identity(), rules.GET, 'one'), name)
                self.assertEqual(
                    not scoped, enforced.allows(other, rules.GET, 'one'), name)

    def test_http_check_is_not_cached(self):
        responses = ['True', 'False', 'True']

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(responses.pop(0).encode())

            def log_message(self, *_arguments):
                pass

        server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        self.write('policy.yaml',
                   f'"remote": "http://127.0.0.1:{server.server_port}/"\n'
                   f'"{rules.GET}": "rule:remote"\n')
        enforced = self.policy()
        self.assertEqual(
            [True, False, True],
            [enforced.allows(identity(), rules.GET, 'one') for _ in range(3)])

    def test_full_cache_keeps_decisions_correct(self):
        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.policy.CACHED_DECISIONS', 3))
        enforced = self.policy()
        for number in range(20):
            project_id = f'p{number % 7}'
            self.assertTrue(enforced.allows(
                identity(project_id=project_id), rules.GET, project_id))
            self.assertFalse(enforced.allows(
                identity(project_id=project_id), rules.DELETE, project_id))

    def test_rules_have_description_operations_and_scope(self):
        for rule in policy.policies.list_rules():
            self.assertTrue(rule.description)
            self.assertTrue(rule.operations)
            self.assertEqual(['project'], rule.scope_types)


class FileTest(PolicyTestCase):

    def refused(self, line, reason, text, name='policy.yaml', **options):
        path = self.write(name, text)
        error = self.assertRaises(exception.ConfigurationError, self.policy,
                                  **options)
        self.assertTrue(str(error).startswith(f'{path}:{line}: '), str(error))
        self.assertIn(reason, str(error))

    def allows(self, text, role='reader'):
        self.write('policy.yaml', text)
        return self.policy().allows(identity(role), rules.GET, 'one')

    def test_rule_in_file_replaces_default(self):
        self.assertFalse(self.allows('message:get: role:boss\n'))
        self.assertTrue(self.allows('message:get: role:boss\n', 'boss'))

    def test_explicit_deny_and_permit_rules(self):
        self.assertFalse(self.allows('message:get: "!"\n', 'admin'))
        self.assertFalse(self.allows('message:get: " ! "\n', 'admin'))
        self.assertTrue(self.allows('message:get: "@"\n', 'robot'))

    def test_empty_rule_is_refused(self):
        for rule in ('""', '" "'):
            self.refused(1, '"@"', f'message:get: {rule}\n')

    def test_unknown_unreferenced_rule_is_refused(self):
        for name in ('mesage:get', 'messages:get', 'boss'):
            self.refused(2, name,
                         f'message:get: role:reader\n{name}: role:boss\n')

    def test_unknown_target_attribute_is_refused(self):
        self.refused(1, '%(tenant_id)s',
                     'message:get: project_id:%(tenant_id)s\n')

    def test_rule_with_references_is_resolved(self):
        text = ('boss: role:boss\n'
                'message:get: rule:boss or (rule:message:delete)\n')
        self.assertTrue(self.allows(text, 'boss'))
        self.assertTrue(self.allows(text, 'member'))
        self.assertFalse(self.allows(text, 'reader'))

    def test_file_without_rules_keeps_defaults(self):
        for text in ('{}\n', '# no rules\n', '\n'):
            self.assertTrue(self.allows(text))

    def test_file_of_zero_bytes_is_refused(self):
        # The cause is a full disk or an interrupted copy.
        self.refused(1, 'is empty', '')

    def test_check_that_never_matches_is_logged(self):
        self.write('policy.yaml', 'message:get: rol:reader\n')
        self.policy()
        self.assertIn(f'{self.path}:1: message:get: "rol:" is neither '
                      f'a kind of check', self.logger.output)

    def test_invalid_yaml_is_refused(self):
        self.refused(2, 'not valid YAML', 'message:get: role:x\na: b: c\n')

    def test_file_without_mapping_is_refused(self):
        for text in ('- message:get\n', 'word\n', '5\n'):
            self.refused(1, 'mapping', text)

    def test_duplicate_rule_is_refused(self):
        self.refused(2, 'duplicate key',
                     'message:get: "!"\nmessage:get: "@"\n')

    def test_unparsable_rule_is_refused(self):
        for rule in ('role:admin or', 'role:admin or (', 'admin', '(',
                     'role:admin and or role:x', 'project_id:%(project_id)',
                     'project_id:%(project_id', 'project_id:%(project_id)d',
                     'role:100%', '%'):
            self.refused(3, 'message:get', '# comment\nmessage:delete: "!"\n'
                         f'message:get: "{rule}"\n')

    def test_rule_of_wrong_type_is_refused(self):
        for rule in ('', '5', 'true', '[role:admin]', '{role: admin}',
                     '[["role:admin"]]'):
            self.refused(2, 'not a string', f'\nmessage:get: {rule}\n')

    def test_misspelt_rule_name_is_refused(self):
        self.refused(2, 'this rule does not exist', 'message:get: role:x\n'
                     'message:get_al: role:x\n')

    def test_misspelt_reference_is_refused(self):
        for rule in ('rule:bos', 'not rule:bos', 'role:x or (rule:bos)',
                     'rule:boss or rule:bos'):
            self.refused(2, 'the rule bos, which it refers to, does not exist',
                         f'boss: role:boss\nmessage:get: {rule}\n')

    def warnings(self, text):
        self.write('policy.yaml', text)
        return list(policy.unsupported_check_warnings(
            policy.read_files(self.conf())))

    def test_unsupported_check_warnings_name_checks_that_never_match(self):
        for rule, kind in (('rol:admin', 'rol'),
                           ('role:x or (not prject_id:%(project_id)s)',
                            'prject_id'),
                           ('tenant:%(project_id)s', 'tenant'),
                           ('is_admin:True', 'is_admin'),
                           ('1a:x', '1a')):
            [warning] = self.warnings(f'\nmessage:get: "{rule}"\n')
            self.assertTrue(warning.startswith(
                f'{self.path}:2: message:get: "{kind}:" '), warning)

    def test_unsupported_check_warnings_are_empty_for_valid_checks(self):
        self.assertEqual([], self.warnings(
            'boss: role:boss\n'
            'message:get: rule:boss or project_id:%(project_id)s\n'
            'message:delete: http://h:1/a or https://h/b or role:a:b\n'
            'message:get_all: user_id:u or (service_roles:s) or @\n'
            "message:create: \"'one':%(project_id)s or @\"\n"))

    def test_circular_references_are_refused(self):
        self.write('policy.yaml', 'a: rule:b\nb: rule:a\n'
                   'message:get: rule:a\n')
        error = self.assertRaises(exception.ConfigurationError, self.policy)
        self.assertIn("'a'", str(error))

    def test_missing_configured_file_is_refused(self):
        error = self.assertRaises(exception.ConfigurationError, self.policy)
        self.assertTrue(str(error).startswith(f'{self.path}: '), str(error))
        self.assertIn('policy_file', str(error))

    def test_missing_default_file_uses_default_rules(self):
        default = policy.Policy(config.load_config(
            ['--config-file', self.config_file()]))
        self.assertTrue(default.allows(identity(), rules.GET, 'one'))

    def test_directory_as_policy_file_is_refused(self):
        error = self.assertRaises(exception.ConfigurationError, self.policy,
                                  policy_file=self.home)
        self.assertTrue(str(error).startswith(f'{self.home}: '), str(error))

    def test_file_with_invalid_utf8_is_refused(self):
        with open(self.path, 'wb') as stream:
            stream.write(b'a: "!"\n# gr\xfc\xdfe\n')
        error = self.assertRaises(exception.ConfigurationError, self.policy)
        self.assertTrue(str(error).startswith(f'{self.path}:2: '), str(error))


class DirectoryTest(PolicyTestCase):

    def setUp(self):
        super().setUp()
        self.write('policy.yaml', 'message:get: role:boss\n')
        self.write('policy.d/10.yaml', 'message:get: role:ten\n')
        self.options = {'policy_dirs': self.home / 'policy.d'}

    def allowed(self):
        enforced = self.policy(**self.options)
        return {role for role in ('boss', 'ten', 'twenty')
                if enforced.allows(identity(role), rules.GET, 'one')}

    def test_directory_overrides_policy_file(self):
        self.assertEqual({'ten'}, self.allowed())

    def test_last_file_of_directory_overrides_others(self):
        self.write('policy.d/20.yaml', 'message:get: role:twenty\n')
        self.assertEqual({'twenty'}, self.allowed())

    def test_hidden_files_and_subdirectories_are_ignored(self):
        self.write('policy.d/.20.yaml', '[')
        self.write('policy.d/sub/20.yaml', '[')
        self.assertEqual({'ten'}, self.allowed())

    def test_rule_refers_to_rule_of_another_file(self):
        self.write('policy.yaml', 'boss: role:boss\n')
        self.write('policy.d/20.yaml', 'message:get: rule:boss\n')
        self.assertEqual({'boss'}, self.allowed())

    def test_invalid_file_in_directory_is_refused(self):
        path = self.write('policy.d/20.yaml', '\nmessage:gte: "@"\n')
        error = self.assertRaises(exception.ConfigurationError, self.policy,
                                  **self.options)
        self.assertTrue(str(error).startswith(f'{path}:2: '), str(error))

    def test_missing_directory_is_ignored(self):
        self.options['policy_dirs'] = self.home / 'nowhere'
        self.assertEqual({'boss'}, self.allowed())

    def test_file_as_policy_directory_is_refused(self):
        error = self.assertRaises(exception.ConfigurationError, self.policy,
                                  policy_dirs=self.path)
        self.assertTrue(str(error).startswith(f'{self.path}: '), str(error))


class ChangeTest(PolicyTestCase):

    def setUp(self):
        super().setUp()
        self.write('policy.yaml', 'message:get: role:boss\n')
        self.write('policy.d/10.yaml', '# No rules.\n')
        self.running = self.policy(policy_dirs=self.home / 'policy.d')
        self.assertEqual({'boss'}, self.allowed())

    def allowed(self):
        return {role for role in ('boss', 'chief', 'reader', 'robot')
                if self.running.allows(identity(role), rules.GET, 'one')}

    def test_valid_change_is_applied(self):
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())
        self.write('policy.d/10.yaml', 'message:get: "!"\n')
        self.assertEqual(set(), self.allowed())

    def test_new_file_is_applied(self):
        self.write('policy.d/20.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_removed_file_without_rules_is_ignored(self):
        (self.home / 'policy.d' / '10.yaml').unlink()
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_removed_rule_has_its_default_again(self):
        self.write('policy.yaml', '{}\n')
        self.assertEqual({'reader'}, self.allowed())

    def test_invalid_change_keeps_previous_rules(self):
        for text in ('[', 'message:get:\n', 'message:get: role:x or (\n',
                     'message:get: 5\n', '- a\n', 'word\n', '1: "@"\n',
                     'message:get: 2026-02-30\n', 'a: "\x07"\n',
                     'message:gte: "@"\n', 'message:get: rule:nope\n'):
            self.write('policy.yaml', text)
            self.assertEqual({'boss'}, self.allowed(), text)
            self.assertEqual({'boss'}, self.allowed(), text)

    def test_invalid_utf8_keeps_previous_rules(self):
        with open(self.path, 'wb') as stream:
            stream.write(b'\xff\xfe')
        self.assertEqual({'boss'}, self.allowed())

    def test_removed_file_with_rules_keeps_previous_rules(self):
        self.write('policy.d/20.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())
        for path in (self.home / 'policy.d' / '20.yaml', self.path):
            os.unlink(path)
            self.assertEqual({'chief'}, self.allowed())
            self.assertIn(f'{path}: ', self.logger.output)
        # Also after further checks and after changes of other files.
        self.write('policy.d/10.yaml', 'message:get: role:robot\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_removed_default_file_keeps_previous_rules(self):
        self.running = policy.Policy(config.load_config(
            ['--config-file', self.config_file()]), check_interval=0)
        self.assertEqual({'boss'}, self.allowed())
        os.unlink(self.path)
        self.assertEqual({'boss'}, self.allowed())
        self.assertIn(f'{self.path}: the file had rules and was removed',
                      self.logger.output)

    def test_truncated_file_keeps_previous_rules(self):
        self.write('policy.yaml', '')
        self.assertEqual({'boss'}, self.allowed())
        self.assertIn(f'{self.path}:1: the file is empty', self.logger.output)
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_file_truncated_during_reload_keeps_its_rules(self):
        conf = self.conf()
        files = policy.read_files(conf)
        self.write('policy.yaml', '')
        enforcer = policy.make_enforcer(conf, files)
        self.assertEqual('role:boss', str(enforcer.rules[rules.GET]))
        self.assertFalse(enforcer.authorize(
            rules.GET, {'project_id': 'one'}, identity()))

    def test_file_of_comments_restores_default_rules(self):
        self.write('policy.yaml', '# No rules.\n')
        self.assertEqual({'reader'}, self.allowed())

    def test_change_logs_changed_rules(self):
        self.write('policy.yaml', 'message:get: role:chief\n'
                                  'message:delete: "!"\n')
        self.allowed()
        self.assertIn('message:delete, message:get', self.logger.output)

    def test_changed_file_logs_checks_that_never_match(self):
        self.write('policy.yaml', 'message:get: rol:reader\n')
        self.assertEqual(set(), self.allowed())
        self.assertIn('it never matches', self.logger.output)

    def test_invalid_change_is_logged_once_with_line(self):
        self.write('policy.yaml', '\nmessage:get: 5\n')
        for _ in range(3):
            self.allowed()
        self.assertEqual(
            1, self.logger.output.count(f'{self.path}:2: '))

    def test_valid_change_after_invalid_one_is_applied(self):
        self.write('policy.yaml', '[')
        self.assertEqual({'boss'}, self.allowed())
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())
