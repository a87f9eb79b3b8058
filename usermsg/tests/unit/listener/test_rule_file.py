# SPDX-License-Identifier: Apache-2.0
import textwrap

import hypothesis
from hypothesis import strategies
import yaml

from usermsg.catalogue import loader
from usermsg import exception
from usermsg.listener import rule_file
from usermsg.listener import rule_schema
from usermsg.listener import rule_set
from usermsg.tests import base

#: A valid rule; tests replace one of its lines.
VALID = '''\
rules:
  - name: a
    event_type: x.y
    where:
      payload.status: error
    project: payload.project
    message:
      resource_type: VOLUME
      action: EXTEND_VOLUME
'''

#: (line of the error, text of the error, replaced line, replacement)
ERRORS = (
    (1, 'rule: unknown key; keys are rules, correlations', 'rules:', 'rule:'),
    (1, 'rules: must be a list', VALID, 'rules: {}'),
    (1, 'rules: must be a mapping', VALID, 'rules: [a]'),
    (2, 'name: must be lower-case letters', 'name: a', 'name: A b'),
    (2, 'name: must be lower-case letters', 'name: a', "name: ''"),
    (2, 'event_type: is required', '    event_type: x.y\n', ''),
    (3, 'events: unknown key', 'event_type: x.y', 'events: x.y'),
    (3, 'event_type: must be a string or a list', 'x.y', '3'),
    (3, 'event_type: must not be empty', 'x.y', '[]'),
    (3, 'event_type: must be a string', 'x.y', '[a, 3]'),
    (3, 'event_type: must not be longer than 255', 'x.y', 256 * 'a'),
    (3, 'priority: must be one of AUDIT', 'event_type: x.y',
     'priority: error\n    event_type: x.y'),
    (3, 'publisher: must be a string', 'event_type: x.y',
     'publisher: 3\n    event_type: x.y'),
    (3, 'continue: must be true or false', 'event_type: x.y',
     'continue: 1\n    event_type: x.y'),
    (4, 'where: must be a mapping', 'where:\n      payload.status: error',
     'where: [a]'),
    (4, 'where: must not be empty', 'where:\n      payload.status: error',
     'where: {}'),
    (5, 'payload..status: not valid JMESPath', 'payload.status',
     'payload..status'),
    (5, 'status: must begin with one of payload', 'payload.status', 'status'),
    (5, 'payload.status: must not be empty', ': error', ': []'),
    (5, 'payload.status: must be a string', ': error', ': [[a]]'),
    (5, 'payload.status: must be a string', ': error', ': 2026-01-31'),
    (5, 'like: unknown key; keys are glob, not, empty', ': error',
     ': {like: x}'),
    (5, 'empty: must be true or false', ': error', ': {empty: 1}'),
    (5, 'glob: must be a string', ': error', ': {glob: 1}'),
    (5, 'not: must be a string', ': error', ': {not: [[]]}'),
    (5, 'not: unknown key; keys are glob', ': error', ': {not: {not: a}}'),
    (6, 'glob: must be a string', ': error', ':\n        not: {glob: 1}'),
    (6, 'project: not valid JMESPath', 'payload.project', "'a b'"),
    (6, 'project: must not be longer than 500', 'payload.project',
     'payload.' + 500 * 'a'),
    (6, 'project: must begin with', 'payload.project', 'payloads.project'),
    (6, 'project: must begin with', 'payload.project',
     'payload.project || project'),
    (6, 'project: must begin with', 'payload.project', "'@'"),
    (6, 'project: the function sort is not supported', 'payload.project',
     'sort(payload)'),
    (6, 'project: references to expressions are not supported',
     'payload.project', 'length(&payload)'),
    (6, 'project: more than one projection', 'payload.project',
     'payload.*.*'),
    (6, 'project: more than one projection', 'payload.project',
     'payload[*].a[*]'),
    (6, 'project: more than one projection', 'payload.project',
     'payload[?a].b[]'),
    (6, 'project: multi-select lists', 'payload.project', 'payload.[a, b]'),
    (6, 'project: multi-select hashes', 'payload.project',
     "'payload.{a: b}'"),
    (6, 'project: not valid JMESPath', 'payload.project',
     f'"{1000 * "("}"'[:500] + '"'),
    (2, 'project: is required', '    project: payload.project\n', ''),
    (7, 'message: must be a mapping',
     'message:\n      resource_type: VOLUME\n      action: EXTEND_VOLUME',
     'message: a'),
    (2, 'name: a rule must have exactly one of message, observe',
     '    message:\n      resource_type: VOLUME\n'
     '      action: EXTEND_VOLUME\n', ''),
    (7, 'suppress: a rule must have exactly one of', '    message:',
     '    suppress: true\n    message:'),
    (7, 'suppress: must be true', '    message:',
     '    suppress: false\n    message:'),
    (7, 'forget: must be one of project, user', '    message:',
     '    forget: everything\n    message:'),
    (8, "resource_type: 'ROCKET' is not in the catalogue", 'VOLUME\n',
     'ROCKET\n'),
    (8, 'resource_type: must be upper-case', 'VOLUME\n', 'volume\n'),
    (8, 'resource_type: is required', '      resource_type: VOLUME\n', ''),
    (9, "action: 'EXPLODE' is not in the catalogue", 'EXTEND_VOLUME',
     'EXPLODE'),
    (9, "x.y: 'a' is not in the catalogue", 'EXTEND_VOLUME', '{x.y: a}'),
    (9, 'x.y: a value of type list is not', 'EXTEND_VOLUME', '{x.y: []}'),
    (10, "x.z: 'EXPLODE' is not in the catalogue", 'EXTEND_VOLUME',
     '\n        x.z: EXPLODE'),
    (9, 'action: must not be empty', 'EXTEND_VOLUME', '{}'),
    (8, 'action: exactly one of event_id and action', '      action: '
     'EXTEND_VOLUME\n', ''),
    (9, 'event_id: ', 'action: EXTEND_VOLUME', 'event_id: VOLUME_999999'),
    (10, 'detail: has no effect with event_id', 'action: EXTEND_VOLUME',
     'event_id: VOLUME_000001\n      detail: UNKNOWN_ERROR'),
    (10, 'level: must be one of INFO, WARN, ERROR', 'EXTEND_VOLUME',
     'EXTEND_VOLUME\n      level: FATAL'),
    (10, 'once: must begin with', 'EXTEND_VOLUME',
     'EXTEND_VOLUME\n      once: always'),
    (10, "detail: 'BAD_LUCK' is not in the catalogue", 'EXTEND_VOLUME',
     'EXTEND_VOLUME\n      detail: BAD_LUCK'),
    (10, 'detail_from: has no effect unless detail is a mapping',
     'EXTEND_VOLUME', 'EXTEND_VOLUME\n      detail_from: payload'),
    (10, 'exception: not valid JMESPath', 'EXTEND_VOLUME',
     "EXTEND_VOLUME\n      exception: '('"),
    (10, 'patterns: must not be empty', 'EXTEND_VOLUME',
     'EXTEND_VOLUME\n      patterns: []'),
    (8, 'resource_type: ACTIONLESS has no actions', 'VOLUME\n',
     'ACTIONLESS\n'),
)

#: (reason, regex) of patterns.
REGEX_ERRORS = (
    ('not a valid RE2 expression: ', '('),
    ('not a valid RE2 expression: invalid perl operator', '(?=a)b'),
    ('not a valid RE2 expression: ', '(?<!a)b'),
    ('not a valid RE2 expression: invalid escape sequence', r'(a)\1'),
    ('not a valid RE2 expression: ', '(a{1000}){1000}'),
    ('not a valid RE2 expression: ', r'\pL{1000}'),
    ('unknown group project', '(?P<project>.*)'),
    ('must not be empty', ''),
    ('must not be longer than 1000', 1001 * 'a'),
)

_VALUES = strategies.recursive(
    strategies.sampled_from([
        None, True, 3, 0.5, '', 'a', 'x.*', 'payload.a', 'payload[', 'ERROR',
        'VOLUME', 'EXTEND_VOLUME', 'QUOTA_EXCEED', 'VOLUME_000002', 'cause',
        'state', 'project', '(?P<resource>.*)', '(?=', 490 * '!' + 'payload',
        490 * '(', 'payload' + 240 * '.a']),
    lambda children: strategies.lists(children, max_size=2) |
    strategies.dictionaries(strategies.sampled_from([
        *rule_schema.RULE['properties'], *rule_schema.OBSERVE['properties'],
        *rule_schema.MAPPED_CONDITION['properties'],
        *rule_schema.PATTERN['properties'], 'payload.a', 'payload.',
        'x']), children, max_size=4), max_leaves=8)


class ErrorsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        overlay = self.write('catalogue/a.yaml', textwrap.dedent('''\
            prefixes:
              OTHER:
                resource_types: [ACTIONLESS]
                events: {'000001': {constant: A, text: It failed.}}
            '''))
        self.catalogue = loader.load(overlay.rpartition('/')[0])

    def refused(self, *cases):
        """Check the errors of files.

        :param cases: (line, beginning of the reason, content of the file)
        """
        unexpected = []
        for line, reason, text in cases:
            path = self.write('rules/a.yaml', text)
            try:
                rule_file.RuleFile(path, self.catalogue)
                error = 'no error'
            except exception.ConfigurationError as configuration_error:
                error = str(configuration_error)
            if (not error.startswith(f'{path}:{line}: {reason}') or
                    '\n' in error):
                unexpected.append((line, reason, error))
        self.assertEqual([], unexpected)

    def test_valid_file_has_no_errors(self):
        path = self.write('rules/a.yaml', VALID)
        [rule] = rule_file.RuleFile(path, self.catalogue).rules
        self.assertEqual(('a', path, 2), (rule.name, rule.path, rule.line))

    def test_mistakes_are_reported_with_line_and_reason(self):
        for _line, _reason, replaced, _replacement in ERRORS:
            self.assertIn(replaced, VALID)
        self.refused(*(
            (line, reason, VALID.replace(replaced, replacement, 1))
            for line, reason, replaced, replacement in ERRORS))

    def test_mistakes_in_patterns_are_reported_with_their_line(self):
        self.refused(*(
            (12, f'regex: {reason}', VALID + textwrap.indent(
                f'patterns:\n'
                f'- path: payload\n'
                f"  regex: '{regex}'\n"
                f'  detail: QUOTA_EXCEED\n', '      '))
            for reason, regex in REGEX_ERRORS))

    @hypothesis.given(replacements=strategies.dictionaries(
        strategies.sampled_from([
            ('where',), ('event_type',), ('project',), ('message',),
            ('message', 'action'), ('message', 'patterns'), ('observe',),
            ('priority',), ('message', 'once'), ('where', 'payload.status'),
            ('message', 'exception'), ('forget',), ('message', 'detail')]),
        _VALUES, min_size=1, max_size=3))
    def test_any_values_raise_only_configuration_errors(self, replacements):
        content = yaml.safe_load(VALID)
        for keys, value in replacements.items():
            mapping = content['rules'][0]
            for key in keys[:-1]:
                mapping = mapping[key]
                if not isinstance(mapping, dict):
                    return
            mapping[keys[-1]] = value
        path = self.write('rules/a.yaml', yaml.safe_dump(content))
        try:
            rule_file.RuleFile(path, self.catalogue)
        except exception.ConfigurationError as error:
            self.assertRegex(str(error), f'^{path}:[0-9]+: .*[.]$')

    def test_pattern_without_detail_and_group_is_refused(self):
        self.refused((
            11, 'detail: is required, unless',
            VALID + '      patterns:\n      - {path: payload, regex: a}\n'))

    def test_pattern_with_unknown_detail_is_refused(self):
        self.refused((
            11, "detail: 'BAD_LUCK' is not", VALID +
            '      patterns:\n'
            '      - {path: payload, regex: a, detail: BAD_LUCK}\n'))

    def test_keys_without_effect_are_refused(self):
        self.refused(*(
            (line, reason, f'rules:\n  - name: a\n    event_type: b\n'
                           f'    {text}\n')
            for line, reason, text in (
                (5, 'user: has no effect with suppress',
                 'suppress: true\n    user: payload.a'),
                (5, 'resource: has no effect with forget',
                 'forget: project\n    resource: payload.a'),
                (2, 'user: is required',
                 'forget: user\n    project: payload.a'),
                (5, 'project: has no effect with the kind cause',
                 'observe: {correlation: c, kind: cause, '
                 'resource_type: VOLUME, detail: QUOTA_EXCEED}\n'
                 '    project: payload.a'),
                (4, 'level: has no effect with the kind cause',
                 'observe: {correlation: c, kind: cause, '
                 'resource_type: VOLUME, level: INFO}'),
                (4, 'kind: a cause requires detail, exception or patterns',
                 'observe: {correlation: c, kind: cause, '
                 'resource_type: VOLUME}'),
                (4, 'status: is required',
                 'observe: {correlation: c, kind: state, '
                 'resource_type: VOLUME, action: EXTEND_VOLUME}'),
                (4, 'once: is required',
                 'observe: {correlation: c, kind: subject, '
                 'resource_type: VOLUME, action: EXTEND_VOLUME}'),
                (4, 'kind: must be one of state, cause, failure, subject, '
                    'cancel',
                 'observe: {correlation: c, kind: effect, '
                 'resource_type: VOLUME}'))))

    def test_undeclared_correlation_is_refused(self):
        path = self.write('rules/a.yaml', textwrap.dedent('''\
            rules:
              - name: a
                event_type: b
                observe:
                  correlation: c
                  kind: cause
                  resource_type: VOLUME
                  detail: QUOTA_EXCEED
            '''))
        directory = path.rpartition('/')[0]
        error = self.assertRaises(
            exception.ConfigurationError, rule_set.load_directories,
            [directory], self.catalogue)
        self.assertEqual(f'{path}:5: correlation: the correlation c is not '
                         f'declared.', str(error))
        self.write('rules/b.yaml',
                   'correlations: [{name: c, kind: failure}]\n')
        rules = rule_set.load_directories([directory], self.catalogue)
        self.assertEqual(['c'], rules.correlations.names)

    def test_subject_requires_a_correlation_with_subjects(self):
        path = self.write('rules/a.yaml', textwrap.dedent('''\
            correlations: [{name: c, kind: failure}]
            rules:
              - name: a
                event_type: b
                project: payload.project
                observe:
                  correlation: c
                  kind: subject
                  resource_type: VOLUME
                  action: EXTEND_VOLUME
                  once: payload.task
            '''))
        directory = path.rpartition('/')[0]
        error = self.assertRaises(
            exception.ConfigurationError, rule_set.load_directories,
            [directory], self.catalogue)
        self.assertEqual(
            f'{path}:8: kind: subject requires "subject: required" in the '
            f'correlation c.', str(error))

    def test_duplicate_name_in_a_directory_is_refused(self):
        first = self.write('rules/a.yaml', VALID)
        second = self.write('rules/b.yaml', f'\n{VALID}')
        error = self.assertRaises(
            exception.ConfigurationError, rule_set.load_directories,
            [first.rpartition('/')[0]], self.catalogue)
        self.assertEqual(f'{second}:3: name: a is also the name of the rule '
                         f'at {first}:2.', str(error))

    def test_missing_directory_is_refused(self):
        error = self.assertRaises(
            exception.ConfigurationError, rule_set.load_directories,
            [str(self.home / 'missing')], self.catalogue)
        self.assertIn('missing: the directory cannot be read', str(error))
