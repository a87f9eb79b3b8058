# SPDX-License-Identifier: Apache-2.0
import pathlib

import hypothesis
from hypothesis import strategies
from testtools import matchers

from usermsg import exception
from usermsg.tests import base
from usermsg import yamlfile


class LoadTest(base.TestCase):

    def load(self, text):
        return yamlfile.load(self.write('a.yaml', text))

    def refused(self, line, reason, text):
        path = self.write('a.yaml', text)
        error = self.assertRaises(exception.ConfigurationError,
                                  yamlfile.load, path)
        self.assertThat(str(error), matchers.StartsWith(f'{path}:{line}: '))
        self.assertIn(reason, str(error))
        self.assertNotIn('\n', str(error))

    def test_a_mapping_knows_its_lines(self):
        content = self.load('# a comment\n\na: 1\nb:\n  c: 2\n  d: [3]\n')
        self.assertEqual({'a': 1, 'b': {'c': 2, 'd': [3]}}, content)
        self.assertEqual([3, 4], [content.line_of(key) for key in content])
        self.assertEqual(5, content['b'].line)
        self.assertEqual(6, content['b'].line_of('d'))

    def test_a_key_that_is_not_there_has_the_line_of_the_mapping(self):
        self.assertEqual(2, self.load('\na: 1\n').line_of('b'))

    def test_mappings_within_lists_know_theirs(self):
        content = self.load('a:\n- x\n- - a: 1\n    b: 2\n')
        self.assertEqual(4, content['a'][1][0].line_of('b'))

    def test_an_empty_file_is_an_empty_mapping(self):
        for text in ('', '\n\n', '# only a comment\n', '---\n', 'null\n'):
            content = self.load(text)
            self.assertEqual(({}, 1), (content, content.line_of('a')))

    def test_a_file_without_a_mapping_is_refused(self):
        for text in ('- x\n', 'word\n', '5\n', '""\n', '[]\n', 'false\n'):
            self.refused(1, 'must be a mapping', text)

    def test_texts_stay_as_they_are(self):
        self.assertEqual({'a': 'gr\xfc\xdfe \u65e5\u672c \U0001f600'},
                         self.load('a: gr\xfc\xdfe \u65e5\u672c \U0001f600'))

    def test_the_mark_that_some_editors_put_first_is_no_harm(self):
        self.assertEqual({'a': 1}, self.load('\ufeffa: 1\n'))

    def test_carriage_returns_are_no_harm(self):
        content = self.load('a: 1\r\nb: 2\r\n')
        self.assertEqual({'a': 1, 'b': 2}, content)
        self.assertEqual(2, content.line_of('b'))

    def test_a_key_that_stands_twice(self):
        self.refused(3, "'a' stands here twice", 'a: 1\nb: 2\na: 3\n')
        self.refused(4, "'c' stands here twice", 'a:\n  c: 1\n  b: 2\n  c: 3')
        self.refused(1, "'a' stands here twice", '{a: 1, "a": 1}')

    def test_the_same_key_in_two_mappings(self):
        self.assertEqual({'a': {'c': 1}, 'b': {'c': 2}},
                         self.load('a: {c: 1}\nb: {c: 2}\n'))

    def test_what_is_merged_can_be_overridden(self):
        content = self.load('a: &a {x: 1, y: 1}\n'
                            'b: &b\n  <<: *a\n  y: 2\n'
                            'c:\n  <<: [*b, *a]\n  z: 3\n')
        self.assertEqual({'x': 1, 'y': 2}, content['b'])
        self.assertEqual({'x': 1, 'y': 2, 'z': 3}, content['c'])
        self.assertEqual(4, content['b'].line_of('y'))

    def test_a_key_that_stands_twice_beside_what_is_merged(self):
        self.refused(5, "'y' stands here twice",
                     'a: &a {y: 1}\nb:\n  <<: *a\n  y: 2\n  y: 3\n')

    def test_a_key_that_is_not_a_string(self):
        self.refused(2, 'the key 1 is not a string; put it in quotes',
                     'a: 1\n001: x\n')
        for key in ('no', '2026-01-31', '1.5', 'null', '[a]', '{a: b}', '~'):
            self.refused(2, 'is not a string', f'a: 1\n{key}: x\n')

    def test_what_is_not_yaml(self):
        for line, text in ((3, 'a: [1,\n  2\n'), (2, 'a: 1\n\tb: 2\n'),
                           (2, 'a: 1\n b: 2\n'), (1, 'a: "b\n'),
                           (1, 'a: *nowhere\n'), (2, 'a: 1\n: : :\n- b'),
                           (1, '%x\n'), (2, 'a: 1\n}\n')):
            path = self.write('a.yaml', text)
            error = self.assertRaises(exception.ConfigurationError,
                                      yamlfile.load, path)
            self.assertIn('not valid YAML', str(error))
            found = int(str(error).split(':')[1])
            self.assertLessEqual(abs(found - line), 1, (text, str(error)))

    def test_two_documents(self):
        self.refused(2, 'a single document', 'a: 1\n---\nb: 2\n')

    def test_tags_that_would_make_objects(self):
        self.refused(2, 'not valid YAML',
                     'a: 1\nb: !!python/object/apply:os.getpid []\n')
        self.refused(1, 'not valid YAML', '!whatever {}\n')

    def test_values_that_are_not_what_they_look_like(self):
        for value in ('2026-02-30', '!!int x', '!!float x', '!!bool maybe',
                      '!!timestamp x', '1' * 5000, '!!binary "\xe9"'):
            self.refused(2, 'not valid YAML', f'a: 1\nb: {value}\n')
        for text in ('!!map [x]', '!!map x', 'a: !!map [x]', '!!int x'):
            self.refused(1, 'not valid YAML', text)

    def test_an_alias_within_itself(self):
        self.refused(1, 'not valid YAML', 'a: &a {b: *a}\n')

    def test_control_characters(self):
        self.refused(2, 'U+0007', 'a: 1\nb: "\x07"\n')
        self.refused(3, 'U+0000', 'a: 1\n\n\x00\n')

    def test_a_file_that_is_not_utf_8(self):
        path = pathlib.Path(self.write('a.yaml', ''))
        for line, data in ((2, b'a: 1\nb: gr\xfc\xdfe\n'), (1, b'\xff\xfe'),
                           (1, '\ud800'.encode('utf-8', 'surrogatepass'))):
            path.write_bytes(data)
            error = self.assertRaises(exception.ConfigurationError,
                                      yamlfile.load, path)
            self.assertEqual(f'{path}:{line}: not UTF-8.', str(error))

    def test_a_file_that_is_not_there(self):
        path = self.home / 'nowhere.yaml'
        error = self.assertRaises(exception.ConfigurationError,
                                  yamlfile.load, path)
        self.assertEqual(
            f'{path}: cannot be read: No such file or directory.', str(error))

    def test_a_directory_instead_of_a_file(self):
        error = self.assertRaises(exception.ConfigurationError,
                                  yamlfile.load, self.home)
        self.assertIn('Is a directory', str(error))

    @hypothesis.given(strategies.one_of(
        strategies.binary(max_size=40),
        strategies.text('ab:-[]{}!&*<# \n"\'0127|>%\t,?', max_size=40).map(
            str.encode),
        strategies.text(max_size=20).map(
            lambda text: text.encode('utf-8', 'surrogatepass'))))
    def test_no_file_is_more_than_a_configuration_error(self, data):
        path = self.home / 'any.yaml'
        path.write_bytes(data)
        try:
            yamlfile.load(path)
        except exception.ConfigurationError as error:
            self.assertThat(str(error), matchers.StartsWith(f'{path}:'))
