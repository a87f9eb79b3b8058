# SPDX-License-Identifier: Apache-2.0
import json
import re
import textwrap

from usermsg.tests import base
from usermsg.tests.fixtures import commands

PAGE = base.ROOT / 'doc/source/admin/listener-rules.rst'

SUPPRESS = '''\
rules:
  - name: everything
    event_type: '*'
    suppress: true
  - name: nothing
    event_type: acme.*
    suppress: true
'''


def read_blocks(language):
    """Return the code blocks of the page about rules."""
    return [textwrap.dedent(block) for block in re.findall(
        rf'^\.\. code-block:: {language}\n\n((?:(?:   .*)?\n)+)',
        PAGE.read_text(encoding='utf-8'), re.M)]


class ListenerTestTest(base.TestCase):

    def setUp(self):
        super().setUp()
        catalogue, rules, *_others = read_blocks('yaml')
        self.write('catalogue/acme.yaml', catalogue)
        self.rules_dir = self.write('rules/acme.yaml', rules).rpartition(
            '/')[0]
        self.notification = json.loads(read_blocks('json')[0])
        self.config = self.config_file(
            catalogue={'overlay_dir': str(self.home / 'catalogue')})

    def run_test(self, lines, *arguments, code=0):
        """Run the command with recorded notifications.

        :returns: the rows and standard error
        """
        path = self.write('acme.jsonl', '\n'.join(lines) + '\n')
        result = commands.manage('listener', 'test', path, '-f', 'json',
                                 *arguments, config=self.config)
        self.assertEqual(code, result.returncode, result.stderr)
        return json.loads(result.stdout or 'null'), result.stderr

    def test_example_of_the_documentation_works(self):
        console = read_blocks('console')[0]
        rows, errors = self.run_test(
            [json.dumps(self.notification)], '--rules-dir', self.rules_dir)
        self.assertEqual(
            json.loads(console.partition('\n')[2]), rows)
        self.assertEqual('', errors)

    def test_example_with_recorded_notifications_works(self):
        lines = [json.dumps(json.loads(block))
                 for block in read_blocks('json')[1:]]
        self.assertEqual(2, len(lines))
        path = self.write('leases.jsonl', '\n'.join(lines) + '\n')
        catalogue, rules = read_blocks('yaml')[2:4]
        empty, steps = self.write('empty/none.yaml', 'rules: []\n'), []
        self.write('catalogue/reservation.yaml', catalogue)
        rules = self.write('leases/reservation.yaml', rules)
        for console, file in zip(read_blocks('console')[1:], (empty, rules)):
            command, _, output = console.partition('\n')
            arguments = command.removeprefix('$ usermsg-manage ').split()
            self.assertEqual('leases.jsonl', arguments[2])
            arguments[2] = path
            result = commands.manage(
                *arguments, '--rules-dir', file.rpartition('/')[0],
                config=self.config)
            self.assertEqual(output.strip(), result.stdout.strip())
            self.assertEqual('', result.stderr)
            steps.append(command)
        self.assertEqual(2, len(steps))

    def test_recorded_deliveries_are_evaluated(self):
        self.config = self.config_file(
            catalogue={'overlay_dir': str(self.home / 'catalogue')},
            listener={'rules_dir': self.rules_dir})
        lines = [json.dumps({
            'exchange': 'acme', 'routing_key': 'notifications.error',
            'properties': {}, 'headers': {}, 'body': json.dumps({
                'oslo.version': '2.0',
                'oslo.message': json.dumps(self.notification)})})]
        rows, _errors = self.run_test(lines)
        [row] = rows
        self.assertEqual('acme-robot-start', row['rule'])
        # Repeated deliveries are one message.
        self.assertEqual(rows, self.run_test(3 * lines)[0])

    def test_verbose_lists_every_notification(self):
        lines = [json.dumps({**self.notification, **values}) for values in (
            {}, {'event_type': 'acme.other'}, {'payload': None})]
        rows, _errors = self.run_test(
            lines, '--verbose', '--rules-dir', self.rules_dir)
        self.assertEqual(
            [(1, 'message', 'acme-robot-start'), (2, 'unmatched', None),
             (3, 'unusable', 'acme-robot-start')],
            [(row['line'], row['decision'], row['rule']) for row in rows])

    def test_malformed_lines_are_ignored(self):
        lines = ['{', '[]', '{"body": 3}', '{"body": "secret"}', '',
                 2000 * '[', json.dumps({**self.notification,
                                         'priority': None}),
                 json.dumps(self.notification)]
        rows, errors = self.run_test(lines, '--rules-dir', self.rules_dir)
        self.assertEqual(1, len(rows))
        self.assertEqual(6, errors.count('is not a notification'), errors)
        self.assertNotIn('secret', errors)

    def test_rules_that_never_match_are_reported(self):
        self.write('rules/a.yaml', SUPPRESS)
        rows, errors = self.run_test(
            [json.dumps(self.notification)], '--rules-dir', self.rules_dir)
        self.assertEqual([], rows)
        for name in ('nothing', 'acme-robot-start'):
            self.assertIn(f'the rule {name} never matches, because everything '
                          f'({self.rules_dir}/a.yaml:2)', errors)

    def test_invalid_rules_are_reported_with_the_line(self):
        path = self.write('rules/b.yaml', 'rules:\n  - names: a\n')
        _rows, errors = self.run_test(
            [], '--rules-dir', self.rules_dir, code=1)
        self.assertIn(f'{path}:2: names: unknown key', errors)
        self.assertNotIn('Traceback', errors)

    def test_missing_file_is_reported(self):
        result = commands.manage('listener', 'test', '/missing.jsonl',
                                 config=self.config)
        self.assertEqual(1, result.returncode)
        self.assertIn('/missing.jsonl: cannot be read', result.stderr)
