# SPDX-License-Identifier: Apache-2.0
import logging
import os
import pathlib

import fixtures

from usermsg.catalogue import loader
from usermsg.listener import rule_set
from usermsg.listener import rule_watch
from usermsg.tests import base

RULE = 'rules: [{{name: {}, event_type: x, suppress: true}}]\n'


class RuleWatchTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.time = 0
        self.loads = 0
        self.path = self.write('rules/a.yaml', RULE.format('a'))
        self.directory = str(pathlib.Path(self.path).parent)
        self.watch = rule_watch.RuleWatch(
            self.load(), self.load, [self.directory], lambda: self.time)
        self.watch.current()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))

    def load(self):
        self.loads += 1
        return rule_set.load_directories([self.directory],
                                         loader.built_in())

    def names(self, seconds=rule_watch.INTERVAL):
        """Return the names of the rules after some time."""
        self.time += seconds
        return [rule.name for rule in self.watch.current().rules]

    def errors(self):
        return [line for line in self.log.output.splitlines()
                if 'failed' in line]

    def test_changed_file_is_loaded(self):
        self.write('rules/a.yaml', RULE.format('bc'))
        self.assertEqual(['bc'], self.names())

    def test_added_and_removed_files_are_loaded(self):
        other = self.write('rules/b.yaml', RULE.format('b'))
        self.assertEqual(['a', 'b'], self.names())
        os.remove(other)
        self.assertEqual(['a'], self.names())

    def test_files_are_checked_once_in_an_interval(self):
        self.write('rules/a.yaml', RULE.format('bc'))
        self.assertEqual(['a'], self.names(rule_watch.INTERVAL - 1))
        self.assertEqual(['bc'], self.names(1))

    def test_unchanged_files_are_not_loaded(self):
        loads = self.loads
        for _repetition in range(10):
            self.names()
        self.assertEqual(loads, self.loads)

    def test_change_before_the_first_check_is_loaded(self):
        watch = rule_watch.RuleWatch(
            self.load(), self.load, [self.directory], lambda: self.time)
        self.write('rules/a.yaml', RULE.format('bc'))
        self.assertEqual(['bc'], [
            rule.name for rule in watch.current().rules])

    def test_broken_file_keeps_the_rules_and_logs_once(self):
        self.write('rules/a.yaml', RULE.format('B'))
        for _repetition in range(3):
            self.assertEqual(['a'], self.names())
        [line] = self.errors()
        self.assertIn(f'the previous ones stay in force: {self.path}:1: '
                      f'name: must be lower-case', line)
        self.write('rules/a.yaml', RULE.format('bc'))
        self.assertEqual(['bc'], self.names())
        self.assertEqual(1, len(self.errors()))

    def test_missing_directory_keeps_the_rules_and_logs_once(self):
        moved = f'{self.directory}.moved'
        os.rename(self.directory, moved)
        for _repetition in range(3):
            self.assertEqual(['a'], self.names())
        self.assertEqual(1, len(self.errors()))
        os.rename(moved, self.directory)
        self.assertEqual(['a'], self.names())
        self.assertEqual(1, len(self.errors()))

    def test_dangling_link_keeps_the_rules(self):
        link = pathlib.Path(self.directory, 'b.yaml')
        link.symlink_to(self.home / 'missing')
        self.assertEqual(['a'], self.names())
        self.assertEqual(1, len(self.errors()))
