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

# role -> what it may do: (to its own project's messages, to others')
CATALOGUE = {catalogue_rules.GET_ALL, catalogue_rules.GET}
PERSONAS = {
    'reader': ({rules.GET_ALL, rules.GET} | CATALOGUE, CATALOGUE),
    'member': ({rules.GET_ALL, rules.GET, rules.DELETE} | CATALOGUE,
               CATALOGUE),
    'admin': ({rules.GET_ALL, rules.GET, rules.DELETE, rules.CREATE,
               rules.READ_ALL_PROJECTS, rules.DELETE_ALL_PROJECTS,
               health.DETAIL} | CATALOGUE,) * 2,
    'service': ({rules.CREATE} | CATALOGUE,) * 2,
    'robot': (set(), set()),
}
# Keystone gives a token the roles that a role implies.
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
        return policy.Policy(self.conf(**options), look_every=0)

    def write(self, name, text):
        """As ever, with a time of its own however quickly we write."""
        path = super().write(name, text)
        self._changes += 1
        os.utime(path, (self._changes, self._changes))
        return path


class DefaultsTest(PolicyTestCase):

    def setUp(self):
        super().setUp()
        self.write('policy.yaml', '# Nothing.\n')
        self.default = self.policy()

    def test_the_rules_have_a_table(self):
        self.assertEqual(ALL, set().union(*PERSONAS['admin']))

    def test_who_may_do_what(self):
        for role, (own, others) in PERSONAS.items():
            for project_id, expected in (('one', own), ('two', others),
                                         (None, others), ('', others)):
                allowed = {rule for rule in ALL if self.default.allows(
                    identity(role), rule, project_id)}
                self.assertEqual(expected, allowed, (role, project_id))

    def test_a_context_without_a_project_never_matches(self):
        for own in (None, ''):
            for role in ('reader', 'member'):
                for project_id in (None, '', 'None', 'one'):
                    for rule in ALL - CATALOGUE:
                        self.assertFalse(self.default.allows(
                            identity(role, own), rule, project_id))

    def test_an_admin_needs_no_project(self):
        self.assertTrue(self.default.allows(
            identity('admin', None), rules.GET, 'one'))

    def test_no_roles(self):
        nobody = context.RequestContext(project_id='one')
        self.assertEqual(set(), {rule for rule in ALL if
                                 self.default.allows(nobody, rule, 'one')})

    def test_a_project_of_a_similar_name(self):
        for project_id in ('One', 'one ', 'on', '%(project_id)s', 'one%'):
            self.assertFalse(self.default.allows(identity(), rules.GET,
                                                 project_id))

    def test_a_token_for_the_system_or_a_domain(self):
        for scope in ({'system_scope': 'all'}, {'domain_id': 'd'}):
            for role in PERSONAS:
                for project_id in (None, 'one'):
                    for rule in ALL:
                        self.assertFalse(self.default.allows(
                            identity(role, project_id, **scope), rule,
                            'one'))

    def test_a_context_asks_for_its_own_project(self):
        reader = identity(policy=self.default)
        self.assertTrue(reader.can(rules.GET))
        self.assertFalse(reader.can(rules.GET, 'two'))
        self.assertFalse(reader.can(rules.DELETE))
        error = self.assertRaises(exception.Forbidden, reader.authorize,
                                  rules.DELETE)
        self.assertIn(rules.DELETE, str(error))
        self.assertIsNone(reader.authorize(rules.GET))

    def test_a_context_without_a_policy_may_nothing(self):
        self.assertFalse(identity('admin').can(rules.GET))

    def test_a_decision_is_remembered_for_equals_only(self):
        seen = set(identity().to_policy_values())
        for name in sorted(seen - {'roles', 'service_roles'}):
            other = identity()
            setattr(other, name, 'other')
            self.write('policy.yaml', f'"{rules.GET}": "{name}:other"\n')
            decides = self.policy()
            # These two scopes are refused whatever the rule says.
            scoped = name in ('system_scope', 'domain_id')
            for _time in range(2):
                self.assertFalse(
                    decides.allows(identity(), rules.GET, 'one'), name)
                self.assertEqual(
                    not scoped, decides.allows(other, rules.GET, 'one'), name)

    def test_a_decision_of_somebody_else_is_asked_for_each_time(self):
        answers = ['True', 'False', 'True']

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answers.pop(0).encode())

            def log_message(self, *_arguments):
                pass

        server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        self.write('policy.yaml',
                   f'"asks": "http://127.0.0.1:{server.server_port}/"\n'
                   f'"{rules.GET}": "rule:asks"\n')
        decides = self.policy()
        self.assertEqual(
            [True, False, True],
            [decides.allows(identity(), rules.GET, 'one') for _ in range(3)])

    def test_what_is_remembered_is_bounded(self):
        self.useFixture(fixtures.MonkeyPatch('usermsg.policy.REMEMBERED', 3))
        decides = self.policy()
        for number in range(20):
            project_id = f'p{number % 7}'
            self.assertTrue(decides.allows(
                identity(project_id=project_id), rules.GET, project_id))
            self.assertFalse(decides.allows(
                identity(project_id=project_id), rules.DELETE, project_id))

    def test_every_rule_says_what_it_is_for(self):
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

    def test_a_rule_replaces_its_default(self):
        self.assertFalse(self.allows('message:get: role:boss\n'))
        self.assertTrue(self.allows('message:get: role:boss\n', 'boss'))

    def test_nobody_and_everybody(self):
        self.assertFalse(self.allows('message:get: "!"\n', 'admin'))
        self.assertFalse(self.allows('message:get: " ! "\n', 'admin'))
        self.assertTrue(self.allows('message:get: "@"\n', 'robot'))

    def test_an_empty_rule_would_be_everybody(self):
        for rule in ('""', '" "'):
            self.refused(1, '"@"', f'message:get: {rule}\n')

    def test_a_name_that_is_not_ours_and_not_used(self):
        for name in ('mesage:get', 'messages:get', 'boss'):
            self.refused(2, name,
                         f'message:get: role:reader\n{name}: role:boss\n')

    def test_a_target_that_nothing_has(self):
        self.refused(1, '%(tenant_id)s',
                     'message:get: project_id:%(tenant_id)s\n')

    def test_a_rule_may_refer_to_others(self):
        text = ('boss: role:boss\n'
                'message:get: rule:boss or (rule:message:delete)\n')
        self.assertTrue(self.allows(text, 'boss'))
        self.assertTrue(self.allows(text, 'member'))
        self.assertFalse(self.allows(text, 'reader'))

    def test_an_empty_file_changes_nothing(self):
        for text in ('{}\n', '# nothing\n', '\n'):
            self.assertTrue(self.allows(text))

    def test_a_file_of_no_bytes_is_refused(self):
        # A disk that was full, or a copy that was interrupted.
        self.refused(1, 'is empty', '')

    def test_a_check_that_never_matches_is_logged(self):
        self.write('policy.yaml', 'message:get: rol:reader\n')
        self.policy()
        self.assertIn(f'{self.path}:1: message:get: "rol:" is no kind of '
                      f'check', self.logger.output)

    def test_not_yaml(self):
        self.refused(2, 'not valid YAML', 'message:get: role:x\na: b: c\n')

    def test_not_a_mapping(self):
        for text in ('- message:get\n', 'word\n', '5\n'):
            self.refused(1, 'mapping', text)

    def test_a_rule_that_stands_twice(self):
        self.refused(2, 'duplicate', 'message:get: "!"\nmessage:get: "@"\n')

    def test_a_rule_that_cannot_be_understood(self):
        for rule in ('role:admin or', 'role:admin or (', 'admin', '(',
                     'role:admin and or role:x', 'project_id:%(project_id)',
                     'project_id:%(project_id', 'project_id:%(project_id)d',
                     'role:100%', '%'):
            self.refused(3, 'message:get', '# comment\nmessage:delete: "!"\n'
                         f'message:get: "{rule}"\n')

    def test_a_rule_that_is_not_a_string(self):
        for rule in ('', '5', 'true', '[role:admin]', '{role: admin}',
                     '[["role:admin"]]'):
            self.refused(2, 'not a string', f'\nmessage:get: {rule}\n')

    def test_a_misspelt_name(self):
        self.refused(2, 'there is no such rule', 'message:get: role:x\n'
                     'message:get_al: role:x\n')

    def test_a_misspelt_reference(self):
        for rule in ('rule:bos', 'not rule:bos', 'role:x or (rule:bos)',
                     'rule:boss or rule:bos'):
            self.refused(2, 'there is no rule bos',
                         f'boss: role:boss\nmessage:get: {rule}\n')

    def upgrade_warnings(self, text):
        self.write('policy.yaml', text)
        return list(policy.upgrade_warnings(policy.read_files(self.conf())))

    def test_a_check_that_never_matches_is_doubtful(self):
        for rule, kind in (('rol:admin', 'rol'),
                           ('role:x or (not prject_id:%(project_id)s)',
                            'prject_id'),
                           ('tenant:%(project_id)s', 'tenant'),
                           ('is_admin:True', 'is_admin'),
                           ('1a:x', '1a')):
            [doubt] = self.upgrade_warnings(f'\nmessage:get: "{rule}"\n')
            self.assertTrue(doubt.startswith(
                f'{self.path}:2: message:get: "{kind}:" '), doubt)

    def test_checks_that_may_match_are_not_doubtful(self):
        self.assertEqual([], self.upgrade_warnings(
            'boss: role:boss\n'
            'message:get: rule:boss or project_id:%(project_id)s\n'
            'message:delete: http://h:1/a or https://h/b or role:a:b\n'
            'message:get_all: user_id:u or (service_roles:s) or @\n'
            "message:create: \"'one':%(project_id)s or @\"\n"))

    def test_rules_that_refer_to_each_other(self):
        self.write('policy.yaml', 'a: rule:b\nb: rule:a\n'
                   'message:get: rule:a\n')
        error = self.assertRaises(exception.ConfigurationError, self.policy)
        self.assertIn("'a'", str(error))

    def test_a_file_that_is_named_must_exist(self):
        error = self.assertRaises(exception.ConfigurationError, self.policy)
        self.assertTrue(str(error).startswith(f'{self.path}: '), str(error))
        self.assertIn('policy_file', str(error))

    def test_a_file_that_is_not_named_need_not_exist(self):
        found = policy.Policy(config.load_config(
            ['--config-file', self.config_file()]))
        self.assertTrue(found.allows(identity(), rules.GET, 'one'))

    def test_a_directory_instead_of_a_file(self):
        error = self.assertRaises(exception.ConfigurationError, self.policy,
                                  policy_file=self.home)
        self.assertTrue(str(error).startswith(f'{self.home}: '), str(error))

    def test_a_file_that_is_not_utf_8(self):
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
        found = self.policy(**self.options)
        return {role for role in ('boss', 'ten', 'twenty')
                if found.allows(identity(role), rules.GET, 'one')}

    def test_its_files_win_over_the_file(self):
        self.assertEqual({'ten'}, self.allowed())

    def test_the_last_of_its_files_wins(self):
        self.write('policy.d/20.yaml', 'message:get: role:twenty\n')
        self.assertEqual({'twenty'}, self.allowed())

    def test_hidden_files_and_directories_do_not_count(self):
        self.write('policy.d/.20.yaml', '[')
        self.write('policy.d/sub/20.yaml', '[')
        self.assertEqual({'ten'}, self.allowed())

    def test_its_files_may_use_the_rules_of_the_others(self):
        self.write('policy.yaml', 'boss: role:boss\n')
        self.write('policy.d/20.yaml', 'message:get: rule:boss\n')
        self.assertEqual({'boss'}, self.allowed())

    def test_a_broken_file_of_it(self):
        path = self.write('policy.d/20.yaml', '\nmessage:gte: "@"\n')
        error = self.assertRaises(exception.ConfigurationError, self.policy,
                                  **self.options)
        self.assertTrue(str(error).startswith(f'{path}:2: '), str(error))

    def test_it_need_not_exist(self):
        self.options['policy_dirs'] = self.home / 'nowhere'
        self.assertEqual({'boss'}, self.allowed())

    def test_a_file_instead_of_it(self):
        error = self.assertRaises(exception.ConfigurationError, self.policy,
                                  policy_dirs=self.path)
        self.assertTrue(str(error).startswith(f'{self.path}: '), str(error))


class ChangeTest(PolicyTestCase):

    def setUp(self):
        super().setUp()
        self.write('policy.yaml', 'message:get: role:boss\n')
        self.write('policy.d/10.yaml', '# Nothing yet.\n')
        self.running = self.policy(policy_dirs=self.home / 'policy.d')
        self.assertEqual({'boss'}, self.allowed())

    def allowed(self):
        return {role for role in ('boss', 'chief', 'reader', 'robot')
                if self.running.allows(identity(role), rules.GET, 'one')}

    def test_a_valid_change_is_picked_up(self):
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())
        self.write('policy.d/10.yaml', 'message:get: "!"\n')
        self.assertEqual(set(), self.allowed())

    def test_a_file_that_appears_is_picked_up(self):
        self.write('policy.d/20.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_a_file_without_rules_may_go(self):
        (self.home / 'policy.d' / '10.yaml').unlink()
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_a_rule_that_is_taken_out_has_its_default_again(self):
        self.write('policy.yaml', '{}\n')
        self.assertEqual({'reader'}, self.allowed())

    def test_a_broken_change_leaves_the_rules_from_before(self):
        for text in ('[', 'message:get:\n', 'message:get: role:x or (\n',
                     'message:get: 5\n', '- a\n', 'word\n', '1: "@"\n',
                     'message:get: 2026-02-30\n', 'a: "\x07"\n',
                     'message:gte: "@"\n', 'message:get: rule:nope\n'):
            self.write('policy.yaml', text)
            self.assertEqual({'boss'}, self.allowed(), text)
            self.assertEqual({'boss'}, self.allowed(), text)

    def test_a_file_that_is_not_utf_8_leaves_them(self):
        with open(self.path, 'wb') as stream:
            stream.write(b'\xff\xfe')
        self.assertEqual({'boss'}, self.allowed())

    def test_a_file_that_had_rules_and_is_gone_leaves_them(self):
        self.write('policy.d/20.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())
        for path, left in ((self.home / 'policy.d' / '20.yaml', {'chief'}),
                           (self.path, {'chief'})):
            os.unlink(path)
            self.assertEqual(left, self.allowed())
            self.assertIn(f'{path}: ', self.logger.output)
        # However often it is looked at, and whatever else changes.
        self.write('policy.d/10.yaml', 'message:get: role:robot\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_a_default_file_that_is_gone_leaves_them(self):
        self.running = policy.Policy(config.load_config(
            ['--config-file', self.config_file()]), look_every=0)
        self.assertEqual({'boss'}, self.allowed())
        os.unlink(self.path)
        self.assertEqual({'boss'}, self.allowed())
        self.assertIn(f'{self.path}: it had rules and is gone',
                      self.logger.output)

    def test_a_file_that_is_cut_to_nothing_leaves_them(self):
        self.write('policy.yaml', '')
        self.assertEqual({'boss'}, self.allowed())
        self.assertIn(f'{self.path}:1: the file is empty', self.logger.output)
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())

    def test_a_file_that_is_cut_while_it_is_read_does_no_harm(self):
        conf = self.conf()
        files = policy.read_files(conf)
        self.write('policy.yaml', '')
        enforcer = policy.make_enforcer(conf, files)
        self.assertEqual('role:boss', str(enforcer.rules[rules.GET]))
        self.assertFalse(enforcer.authorize(
            rules.GET, {'project_id': 'one'}, identity()))

    def test_a_file_of_comments_alone_is_as_if_there_were_none(self):
        self.write('policy.yaml', '# Nothing.\n')
        self.assertEqual({'reader'}, self.allowed())

    def test_a_change_is_logged_by_its_rules(self):
        self.write('policy.yaml', 'message:get: role:chief\n'
                                  'message:delete: "!"\n')
        self.allowed()
        self.assertIn('message:delete, message:get', self.logger.output)

    def test_a_check_that_never_matches_is_logged_when_it_appears(self):
        self.write('policy.yaml', 'message:get: rol:reader\n')
        self.assertEqual(set(), self.allowed())
        self.assertIn('it never matches', self.logger.output)

    def test_it_is_complained_of_once_and_with_its_place(self):
        self.write('policy.yaml', '\nmessage:get: 5\n')
        for _ in range(3):
            self.allowed()
        self.assertEqual(
            1, self.logger.output.count(f'{self.path}:2: '))

    def test_after_a_broken_change_a_valid_one_is_picked_up(self):
        self.write('policy.yaml', '[')
        self.assertEqual({'boss'}, self.allowed())
        self.write('policy.yaml', 'message:get: role:chief\n')
        self.assertEqual({'chief'}, self.allowed())
