# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import datetime
import textwrap

import hypothesis
from hypothesis import strategies

from usermsg.catalogue import loader
from usermsg.listener import decisions
from usermsg.listener import failure_key
from usermsg.listener import notification
from usermsg.listener import rule_set
from usermsg.tests import base

NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
PROJECT, USER = 32 * 'a', 32 * 'b'
RESOURCE = '0b9d5c5e-8f0a-4d5c-9a53-1c2d3e4f5a6b'

RULE = '''\
rules:
  - name: a
    event_type: x.y
    project: payload.project
    user: payload.user
    resource: payload.resource
    message:
      resource_type: VOLUME
      action: EXTEND_VOLUME
'''

#: Conditions of ``where``, values for which they hold, and others.
CONDITIONS = (
    ('error', ['error'], ['Error', 'errors', None, ['error']]),
    ('3', [3, 3.0], ['3', True, None]),
    ('1', [1], [True, '1']),
    ('true', [True], [1, 'true', 'True']),
    ("'true'", ['true'], [True]),
    ('null', [None], ['', 0, False, []]),
    ('[a, b, null]', ['a', 'b', None], ['c', '']),
    ("{glob: 'a*c'}", ['ac', 'abc', 'a\nc'], ['abcd', 'xac', None, 3]),
    ("{glob: ['a*', 'b']}", ['a', 'b', 'ab'], ['bb', 'c']),
    ('{not: a}', ['b', None, 3, {}], ['a']),
    ('{not: [a, null]}', ['b', 3], ['a', None]),
    ("{not: {glob: 'a*'}}", ['b', None], ['a', 'ab']),
    ('{empty: true}', [None, '', [], {}], ['a', 0, False, [None]]),
    ('{empty: false}', ['a', 0, False, [None]], [None, '', [], {}]),
    ("{empty: false, not: a, glob: '*'}", ['b'], ['a', '', None, 3]))

#: Values of ids: value, and the id of an optional one, of a resource. The
#: resource True is not storable.
IDS = (
    (None, None), ('', None), ('None', None),
    (RESOURCE, RESOURCE), ('a b', 'a b'),
    (' a', True), ('a\n', True), ('\xe9', True), ('a\0', True),
    (256 * 'a', True), (3, True), (True, True), (['a'], True),
    ({'a': 'b'}, True))


def build_notification(payload=None, **values):
    return notification.Notification(**{
        'message_id': 'm1', 'publisher_id': 'x.host1', 'event_type': 'x.y',
        'priority': 'ERROR', 'timestamp': NOW, 'context': {},
        'payload': payload, **values})


def nested(depth, kind):
    value = 'a'
    for _level in range(depth):
        value = [value] if kind is list else {'a': value}
    return value


class RuleSetCase(base.TestCase):

    def load(self, *texts, **arguments):
        """Load rules of texts, one for each directory."""
        directories = []
        for number, text in enumerate(texts):
            path = self.write(f'rules{number}/a.yaml', text)
            directories.append(path.rpartition('/')[0])
        return rule_set.load_directories(
            directories, loader.built_in(), **arguments)

    def evaluate(self, text, payload, **values):
        return self.load(text).evaluate(
            build_notification(payload, **values), NOW)

    def fields(self, text, payload, *names, **values):
        """Return values of the only decision, a Failure."""
        [failure] = self.evaluate(text, payload, **values)
        return tuple(getattr(failure, name) for name in names)


class MatchingTest(RuleSetCase):

    def matches(self, condition, **values):
        """Return True if a rule with another condition matches."""
        text = RULE.replace('project:', f'{condition}\n    project:', 1)
        [decision] = self.evaluate(text, {'project': PROJECT}, **values)
        return decision.rule is not None

    def test_event_types_are_globs(self):
        for pattern, event_type, expected in (
                ('x.y', 'x.y', True), ('x.y', 'x.y.z', False),
                ('x.y', 'xxy', False), ("'x.*'", 'x.y.z', True),
                ("'*.end'", 'x.y.end', True), ("'*'", 'anything', True),
                ("'x.*.end'", 'x.end', False), ("'x?y'", 'x.y', False),
                ('[a, x.y]', 'x.y', True), ("[a, 'x.*']", 'x.z', True)):
            text = RULE.replace('x.y', pattern)
            [decision] = self.evaluate(text, {}, event_type=event_type)
            self.assertEqual(expected, decision.rule is not None,
                             (pattern, event_type))

    def test_priority_and_publisher_are_conditions(self):
        self.assertTrue(self.matches('priority: ERROR'))
        self.assertTrue(self.matches('priority: [INFO, ERROR]'))
        self.assertFalse(self.matches('priority: INFO'))
        self.assertTrue(self.matches("publisher: 'x.*'"))
        self.assertTrue(self.matches('publisher: [a, x.host1]'))
        self.assertFalse(self.matches("publisher: 'y.*'"))

    def test_values_of_the_payload_are_conditions(self):
        for condition, accepted, rejected in CONDITIONS:
            rules = self.load(RULE.replace(
                'project:', f'where: {{payload.a: {condition}}}\n'
                            f'    project:', 1))
            for values, expected in ((accepted, 'a'), (rejected, None)):
                for value in values:
                    [decision] = rules.evaluate(build_notification(
                        {'project': PROJECT, 'a': value}), NOW)
                    self.assertEqual(expected, decision.rule,
                                     (condition, value))

    def test_all_conditions_must_hold(self):
        text = RULE.replace('project:', 'where: {payload.a: 1, '
                            'payload.a != payload.b: true}\n    project:', 1)
        for payload, expected in (({'a': 1, 'b': 2}, 'a'),
                                  ({'a': 1, 'b': 1}, None),
                                  ({'a': 2, 'b': 1}, None)):
            [decision] = self.evaluate(text, payload)
            self.assertEqual(expected, decision.rule)

    def test_notification_without_rule_is_unmatched(self):
        self.assertEqual([decisions.Ignored(None, 'unmatched')],
                         self.evaluate(RULE, {}, event_type='z'))

    def test_first_matching_rule_decides(self):
        text = 'rules:\n' + ''.join(
            f"  - {{name: {name}, event_type: '{pattern}', suppress: true}}\n"
            for name, pattern in (('b', 'x.*'), ('a', 'x.y'), ('c', '*')))
        self.assertEqual([decisions.Ignored('b', 'suppressed')],
                         self.evaluate(text, {}))
        self.assertEqual([decisions.Ignored('c', 'suppressed')],
                         self.evaluate(text, {}, event_type='y'))

    def test_rule_with_continue_precedes_others(self):
        text = 'rules:\n' + ''.join(
            f"  - {{name: {name}, event_type: x.y, suppress: true,"
            f" continue: {further}}}\n"
            for name, further in (('a', 'true'), ('b', 'true'),
                                  ('c', 'false'), ('d', 'true')))
        self.assertEqual(['a', 'b', 'c'], [
            decision.rule for decision in self.evaluate(text, {})])

    def test_rule_replaces_that_of_a_later_directory(self):
        suppress = 'rules: [{{name: {}, event_type: x.y, suppress: true}}]'
        for name in ('a', 'other'):
            rules = self.load(suppress.format(name), RULE)
            self.assertEqual(
                [decisions.Ignored(name, 'suppressed')],
                rules.evaluate(build_notification({'project': PROJECT}), NOW))
        self.assertEqual(
            ['b', 'a'], [rule.name for rule in self.load(
                'rules: [{name: b, event_type: x, suppress: true}]',
                RULE).rules])

    def test_many_event_types_use_bounded_memory(self):
        rules = self.load(RULE)
        for number in range(10_000):
            rules.evaluate(build_notification(event_type=f'e{number}'), NOW)
        self.assertLess(rules._candidates.cache_info().currsize, 5000)

    def test_threads_share_the_rules(self):
        rules = self.load(RULE.replace(
            'payload.project', "payload.a[?b=='c'].d | [0]"))
        payload = {'a': [{'b': 'c', 'd': PROJECT}]}
        with concurrent.futures.ThreadPoolExecutor(8) as executor:
            futures = [executor.submit(
                rules.evaluate, build_notification(payload), NOW)
                for _number in range(500)]
        self.assertEqual({PROJECT}, {
            future.result()[0].project_id for future in futures})


class FailureTest(RuleSetCase):

    def test_failure_has_ids_and_event(self):
        [failure] = self.evaluate(
            RULE, {'project': PROJECT, 'user': USER, 'resource': RESOURCE},
            context={'request_id': 'req-1', 'password': 'secret'})
        event = loader.built_in().resolve(
            action='EXTEND_VOLUME', resource_type='VOLUME')
        self.assertEqual(decisions.Failure(
            rule='a', project_id=PROJECT, user_id=USER, request_id='req-1',
            resource_type='VOLUME', resource_uuid=RESOURCE, event=event,
            level='ERROR', occurred_at=NOW, key=failure_key.operation_key(
                event, RESOURCE, 'req-1')), failure)

    def test_project_that_is_not_storable_makes_it_unusable(self):
        for value, _expected in IDS:
            if value in (RESOURCE, 'a b'):
                continue
            self.assertEqual([decisions.Ignored('a', 'unusable')],
                             self.evaluate(RULE, {'project': value}), value)

    def test_user_and_request_that_are_not_storable_are_omitted(self):
        text = RULE.replace('user:', 'request: payload.request\n    user:')
        for value, expected in IDS:
            expected = None if expected is True else expected
            self.assertEqual(
                (expected, expected), self.fields(
                    text, {'project': PROJECT, 'user': value,
                           'request': value}, 'user_id', 'request_id'), value)

    def test_resource_is_absent_or_storable(self):
        for value, expected in IDS:
            payload = {'project': PROJECT, 'resource': value}
            if expected is True:
                self.assertEqual([decisions.Ignored('a', 'unusable')],
                                 self.evaluate(RULE, payload), value)
            else:
                self.assertEqual((expected,), self.fields(
                    RULE, payload, 'resource_uuid'), value)

    def test_ignored_project_is_suppressed(self):
        rules = self.load(RULE, ignored_projects={PROJECT})
        for project, expected in ((PROJECT, decisions.Ignored),
                                  (USER, decisions.Failure)):
            [decision] = rules.evaluate(
                build_notification({'project': project}), NOW)
            self.assertIsInstance(decision, expected)

    def test_alternative_paths_are_followed(self):
        text = RULE.replace('payload.project',
                            'payload.project || context.project_id')
        for payload, context, expected in (
                ({'project': PROJECT}, {'project_id': USER}, PROJECT),
                ({'project': None}, {'project_id': USER}, USER),
                ({}, {'project_id': USER}, USER),
                ('text', {'project_id': USER}, USER)):
            self.assertEqual((expected,), self.fields(
                text.replace('payload.resource', 'payload.r'), payload,
                'project_id', context=context))

    def test_time_is_never_later_than_now(self):
        for seconds, expected in ((-1, -1), (0, 0), (3600, 0)):
            self.assertEqual(
                (NOW + datetime.timedelta(seconds=expected),),
                self.fields(RULE, {'project': PROJECT}, 'occurred_at',
                            timestamp=NOW + datetime.timedelta(
                                seconds=seconds)))

    def test_action_is_chosen_by_a_value(self):
        text = RULE.replace('action: EXTEND_VOLUME', textwrap.indent(
            'action:\n'
            "  'x.*.extend': EXTEND_VOLUME\n"
            "  '*': ATTACH_VOLUME\n", '      ').strip())
        text = text.replace('event_type: x.y', "event_type: '*'")
        for event_type, expected in (('x.y.extend', '007'), ('x', '002')):
            [failure] = self.evaluate(text, {'project': PROJECT},
                                      event_type=event_type)
            self.assertEqual(expected, failure.event.action_id)
        text = text.replace("'*': ATTACH_VOLUME", 'action_from: payload.do')
        text = text.replace('        action_from', '      action_from')
        for value, expected in (('x.a.extend', '007'), ('a', None),
                                (None, None), (3, None)):
            [decision] = self.evaluate(
                text, {'project': PROJECT, 'do': value})
            self.assertEqual(
                expected, decision.event.action_id if expected else None)
            self.assertIsInstance(decision, (
                decisions.Failure if expected else decisions.Ignored))

    def test_detail_is_chosen_by_a_value_or_unknown(self):
        text = RULE + ("      detail: {'full*': QUOTA_EXCEED}\n"
                       '      detail_from: payload.cause\n')
        for value, expected in (('fuller', '006'), ('a', '001'), (3, '001')):
            [failure] = self.evaluate(
                text, {'project': PROJECT, 'cause': value})
            self.assertEqual(expected, failure.event.detail_id)

    def test_exception_chooses_the_detail(self):
        text = RULE + ('      detail: QUOTA_EXCEED\n'
                       '      exception: payload.exception\n')
        for value, expected in (
                ("NoValidBackend('a secret')", '003'),
                ('ImageTooBig_Remote("x")', '007'),
                ('Unmapped()', '006'), (None, '006'), (['a'], '006')):
            [failure] = self.evaluate(
                text, {'project': PROJECT, 'exception': value})
            self.assertEqual(expected, failure.event.detail_id, value)
            self.assertNotIn('secret', repr(failure))

    def test_whole_event_is_permitted(self):
        text = RULE.replace('action: EXTEND_VOLUME',
                            'event_id: VOLUME_000002\n      level: WARN')
        [failure] = self.evaluate(text, {'project': PROJECT})
        self.assertEqual(
            ('VOLUME_000002', 'VOLUME', 'VOLUME', 'WARN'),
            (failure.event.event_id, failure.event.resource_type,
             failure.resource_type, failure.level))


class PatternsTest(RuleSetCase):

    TEXT = RULE.replace('    resource: payload.resource\n', '').replace(
        'payload.project', 'context.project_id') + '''\
      exception: context.exception
      patterns:
        - path: payload
          regex: 'Storage of (?P<resource>[-0-9a-f]{36}) is full:.*'
          detail: QUOTA_EXCEED
        - path: payload
          regex: '.* of volume (?P<resource>\\S+)'
        - path: payload
          regex: '(?P<exception>\\w+) of .*'
        - path: payload
          regex: '(mode|Mode).*'
          detail: VOLUME_ATTACH_MODE_INVALID
'''

    def evaluate_text(self, text, **context):
        [failure] = self.evaluate(self.TEXT, text, context={
            'project_id': PROJECT, **context})
        return failure.event.detail_id, failure.resource_uuid

    def test_first_pattern_with_a_detail_decides(self):
        self.assertEqual(('006', RESOURCE), self.evaluate_text(
            f'Storage of {RESOURCE} is full: /dev/sda of volume a'))
        self.assertEqual(('005', 'v1'), self.evaluate_text(
            'mode of volume v1', exception='NoValidBackend'))

    def test_expression_matches_the_whole_text(self):
        self.assertEqual(('001', None), self.evaluate_text('a mode'))
        self.assertEqual(('005', None), self.evaluate_text('mode\nline 2'))

    def test_group_is_the_name_of_an_exception(self):
        self.assertEqual(('003', 'v1'), self.evaluate_text(
            'NoValidBackend of volume v1'))
        # That of the path takes precedence, if it is mapped.
        self.assertEqual(('007', 'v1'), self.evaluate_text(
            'NoValidBackend of volume v1', exception='ImageTooBig'))
        self.assertEqual(('003', 'v1'), self.evaluate_text(
            'NoValidBackend of volume v1', exception='Unmapped'))

    def test_long_text_is_cut(self):
        self.assertEqual(('005', None), self.evaluate_text(
            'mode' + 10_000_000 * 'a'))

    def test_values_without_text_do_not_match(self):
        for value in (None, 3, ['mode'], {'mode': 'mode'}, '\ud800'):
            self.assertEqual(('001', None), self.evaluate_text(value))

    def test_backtracking_expression_takes_linear_time(self):
        text = self.TEXT.replace('(mode|Mode).*', '(a*)*(a|aa)+b')
        for _repetition in range(3):
            [failure] = self.evaluate(text, 5000 * 'a', context={
                'project_id': PROJECT})
            self.assertEqual('001', failure.event.detail_id)


class KeyTest(RuleSetCase):

    def key(self, text=RULE, payload=None, **values):
        values.setdefault('context', {'request_id': 'req-1'})
        [failure] = self.evaluate(text, {
            'project': PROJECT, 'resource': RESOURCE, **(payload or {})},
            **values)
        return failure.key

    def test_notifications_of_one_operation_have_one_key(self):
        self.assertEqual(
            {self.key()},
            {self.key(message_id='m2'), self.key(payload={'user': USER}),
             self.key(payload={'resource': RESOURCE.upper()}),
             self.key(RULE.replace('name: a', 'name: b')),
             self.key(RULE + '      detail: QUOTA_EXCEED\n'),
             self.key(timestamp=NOW - datetime.timedelta(1))})

    def test_other_operations_have_other_keys(self):
        keys = [self.key(), self.key(payload={'resource': 'other'}),
                self.key(payload={'resource': None}),
                self.key(context={'request_id': 'req-2'}),
                self.key(RULE.replace('EXTEND_VOLUME', 'ATTACH_VOLUME'))]
        self.assertEqual(len(keys), len(set(keys)))

    def test_message_id_replaces_a_missing_request_id(self):
        self.assertEqual(self.key(context={}), self.key(context={}))
        self.assertNotEqual(self.key(context={}),
                            self.key(context={}, message_id='m2'))

    def test_once_for_each_notification(self):
        text = RULE + '      once: notification\n'
        self.assertEqual(self.key(text), self.key(text))
        self.assertNotEqual(self.key(text), self.key(text, message_id='m2'))
        self.assertNotEqual(self.key(text),
                            self.key(text.replace('name: a', 'name: b')))

    def test_once_for_each_value(self):
        text = RULE + '      once: payload.task\n'
        self.assertEqual(
            self.key(text, {'task': 't1'}),
            self.key(text, {'task': 't1'}, message_id='m2', context={}))
        keys = [self.key(text, {'task': value}) for value in (
            't1', 't2', 3, '3', None)]
        self.assertEqual(len(keys), len(set(keys)))
        self.assertNotEqual(self.key(text), self.key(text, message_id='m2'))

    def test_key_fits_a_source_id(self):
        self.assertRegex(self.key(), '^[0-9a-f]{40}$')


class OtherResultsTest(RuleSetCase):

    def test_state_is_observed_with_its_failure(self):
        text = 'correlations: [{name: c, kind: failure}]\n' + RULE.replace(
            'message:', 'observe:\n      correlation: c\n'
            '      kind: state\n      status: payload.status')
        payload = {'project': PROJECT, 'resource': RESOURCE,
                   'status': 'queued'}
        time = NOW + datetime.timedelta(hours=1)
        [observation] = self.evaluate(text, payload, timestamp=time)
        self.assertEqual(
            ('a', 'c', 'state', 'x.host1', time, RESOURCE, 'queued', None),
            (observation.rule, observation.correlation, observation.kind,
             observation.publisher_id, observation.observed_at,
             observation.resource_uuid, observation.status,
             observation.cause))
        self.assertEqual((PROJECT, NOW), (observation.failure.project_id,
                                          observation.failure.occurred_at))
        self.assertEqual([observation],
                         self.evaluate(text, payload, timestamp=time))
        [other] = self.evaluate(text, payload, message_id='m2')
        self.assertNotEqual(observation.ident, other.ident)
        for status in (None, '', 65 * 'a', ['queued']):
            self.assertEqual(
                [decisions.Ignored('a', 'unusable')],
                self.evaluate(text, {**payload, 'status': status}))

    def test_state_more_than_an_hour_ahead_is_unusable(self):
        time = NOW + datetime.timedelta(hours=1, seconds=1)
        payload = {'project': PROJECT, 'status': 'queued'}
        for kind, expected in (('state', decisions.Ignored),
                               ('failure', decisions.Observation)):
            text = 'correlations: [{name: c, kind: failure}]\n' + RULE.replace(
                'message:', 'observe:\n      correlation: c\n'
                f'      kind: {kind}\n      status: payload.status')
            [decision] = self.evaluate(text, payload, timestamp=time)
            self.assertIsInstance(decision, expected)
            if kind == 'state':
                self.assertEqual('unusable', decision.reason)

    def test_cause_is_observed_without_an_owner(self):
        text = textwrap.dedent('''\
            correlations: [{name: c, kind: failure}]
            rules:
              - name: a
                event_type: x.y
                observe:
                  correlation: c
                  kind: cause
                  resource_type: VOLUME
                  patterns:
                    - path: payload
                      regex: 'full( (?P<resource>.+))?'
                      detail: QUOTA_EXCEED
            ''')
        for payload, cause, resource in (
                ('full', 'QUOTA_EXCEED', None),
                (f'full {RESOURCE}', 'QUOTA_EXCEED', RESOURCE),
                ('other secret', None, None)):
            [observation] = self.evaluate(text, payload)
            self.assertEqual(
                (cause, resource, None, None),
                (observation.cause, observation.resource_uuid,
                 observation.status, observation.failure))
            self.assertNotIn('secret', repr(observation))

    def test_forgetting_names_the_project_or_user(self):
        for name in ('project', 'user'):
            text = (f'rules: [{{name: a, event_type: x.y, forget: {name}, '
                    f'{name}: payload.target.id}}]')
            self.assertEqual(
                [decisions.Forget('a', **{f'{name}_id': PROJECT})],
                self.evaluate(text, {'target': {'id': PROJECT}}))
            self.assertEqual([decisions.Ignored('a', 'unusable')],
                             self.evaluate(text, {'target': None}))


class HostileTest(RuleSetCase):

    #: Paths of all kinds, also those that compare values.
    TEXT = textwrap.dedent('''\
        rules:
          - name: a
            event_type: x.y
            continue: true
            where:
              payload == context.other: false
              payload.size > `3`: [true, false, null]
              "contains(payload.list, 'a')": {not: [3]}
            project: payload.*.project | [0] || payload.project
            user: payload.list[?size > `3`].id | [0]
            resource: payload.list[0].id || length(payload.list)
            message:
              resource_type: VOLUME
              action: EXTEND_VOLUME
              exception: payload.exception
              once: payload.list[]
        ''') + RULE.partition('\n')[2].replace('name: a', 'name: b')

    def test_deep_payloads_never_fail(self):
        rules = self.load(self.TEXT)
        for depth in (100, 2000, 100_000):
            for kind in (list, dict):
                payload = nested(depth, kind)
                for context in ({}, {'other': payload}, {
                        'other': nested(depth, kind)}):
                    for value in (payload, {
                            'project': payload, 'list': payload}):
                        results = rules.evaluate(build_notification(
                            value, context=context), NOW)
                        self.assertEqual(set(), {
                            decision.reason for decision in results} - {
                                'unusable', 'unmatched'})
                del payload, context, value

    @hypothesis.given(payload=strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.integers() |
        strategies.floats() | strategies.text(max_size=5) |
        strategies.sampled_from(['None', PROJECT, 'NoValidBackend()']),
        lambda children: strategies.lists(children, max_size=3) |
        strategies.dictionaries(
            strategies.sampled_from(['project', 'user', 'resource', 'list',
                                     'size', 'exception', 'id']), children),
        max_leaves=10))
    def test_payloads_of_any_type_are_decided(self, payload):
        if not hasattr(self, 'rules'):
            self.rules = self.load(self.TEXT)
        results = self.rules.evaluate(build_notification(payload), NOW)
        self.assertTrue(results)
        for decision in results:
            self.assertIsInstance(
                decision, (decisions.Failure, decisions.Ignored))
            if isinstance(decision, decisions.Failure):
                self.assertRegex(decision.project_id,
                                 r'\A[!-~]([ -~]{0,62}[!-~])?\Z')


class WarningsTest(RuleSetCase):

    def warnings(self, *rules):
        """Return the names in the warnings about rules.

        :param rules: conditions of each, in the order of the names a to z
        """
        text = 'rules:\n' + ''.join(
            f'  - {{name: {name}, {conditions}, suppress: true}}\n'
            for name, conditions in zip('abcdef', rules))
        return [warning.partition('the rule ')[2].split(',')[0]
                for warning in self.load(text).warnings()]

    def test_rule_after_a_wider_one_is_reported(self):
        for wide, narrow in (
                ('event_type: x.y', 'event_type: x.y'),
                ("event_type: '*'", 'event_type: x.y'),
                ("event_type: 'x.*'", "event_type: 'x.y*'"),
                ("event_type: 'x.*'", "event_type: ['x.*.z', x.y]"),
                ("event_type: ['a', 'b']", "event_type: ['b', 'a']"),
                ('event_type: x', 'event_type: x, priority: ERROR'),
                ('event_type: x, priority: [INFO, ERROR]',
                 'event_type: x, priority: ERROR'),
                ("event_type: x, publisher: 'a*'",
                 'event_type: x, publisher: [ab, ac]'),
                ('event_type: x', 'event_type: x, where: {payload.a: 1}'),
                ('event_type: x, where: {payload.a: 1}',
                 'event_type: x, where: {payload.b: 1, payload.a: [1]}')):
            self.assertEqual(['b never matches'],
                             self.warnings(wide, narrow), (wide, narrow))

    def test_rule_that_can_match_is_not_reported(self):
        for first, second in (
                ('event_type: x.y', 'event_type: x.z'),
                ('event_type: x.y', "event_type: 'x.*'"),
                ("event_type: 'x.y*'", "event_type: 'x.*'"),
                ('event_type: x, priority: ERROR', 'event_type: x'),
                ('event_type: x, publisher: a', 'event_type: x'),
                ('event_type: x, where: {payload.a: 1}', 'event_type: x'),
                ('event_type: x, where: {payload.a: 1}',
                 'event_type: x, where: {payload.a: 2}'),
                ('event_type: x, continue: true', 'event_type: x')):
            self.assertEqual([], self.warnings(first, second),
                             (first, second))

    def test_regex_that_matches_any_text_is_reported(self):
        for regex, expected in (('.*', 1), ('(?s).*', 1), ('(a|.*)', 1),
                                ('a.*', 0), ('.+', 0), ('[a-z]*', 0)):
            text = RULE + (f"      patterns: [{{path: payload, "
                           f"regex: '{regex}', detail: QUOTA_EXCEED}}]\n")
            warnings = list(self.load(text).warnings())
            self.assertEqual(expected, len(warnings), regex)

    def test_included_rules_cause_no_warnings(self):
        rules = rule_set.load_directories(
            [rule_set.INCLUDED], loader.built_in())
        self.assertEqual([], list(rules.warnings()))
