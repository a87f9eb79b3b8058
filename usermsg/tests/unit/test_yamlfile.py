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

    def test_mapping_has_the_lines_of_its_keys(self):
        content = self.load('# a comment\n\na: 1\nb:\n  c: 2\n  d: [3]\n')
        self.assertEqual({'a': 1, 'b': {'c': 2, 'd': [3]}}, content)
        self.assertEqual([3, 4], [content.line_of(key) for key in content])
        self.assertEqual(5, content['b'].line)
        self.assertEqual(6, content['b'].line_of('d'))

    def test_line_of_missing_key_is_that_of_the_mapping(self):
        self.assertEqual(2, self.load('\na: 1\n').line_of('b'))

    def test_mapping_in_a_list_has_lines(self):
        content = self.load('a:\n- x\n- - a: 1\n    b: 2\n')
        self.assertEqual(4, content['a'][1][0].line_of('b'))

    def test_empty_file_is_an_empty_mapping(self):
        for text in ('', '\n\n', '# only a comment\n', '---\n', 'null\n'):
            content = self.load(text)
            self.assertEqual(({}, 1), (content, content.line_of('a')))

    def test_file_without_a_mapping_is_refused(self):
        for text in ('- x\n', 'word\n', '5\n', '""\n', '[]\n', 'false\n'):
            self.refused(1, 'must be a mapping', text)

    def test_unicode_text_is_unchanged(self):
        self.assertEqual({'a': 'gr\xfc\xdfe \u65e5\u672c \U0001f600'},
                         self.load('a: gr\xfc\xdfe \u65e5\u672c \U0001f600'))

    def test_byte_order_mark_is_ignored(self):
        self.assertEqual({'a': 1}, self.load('\ufeffa: 1\n'))

    def test_carriage_returns_are_ignored(self):
        content = self.load('a: 1\r\nb: 2\r\n')
        self.assertEqual({'a': 1, 'b': 2}, content)
        self.assertEqual(2, content.line_of('b'))

    def test_duplicate_key_is_refused(self):
        self.refused(3, "duplicate key 'a'", 'a: 1\nb: 2\na: 3\n')
        self.refused(4, "duplicate key 'c'", 'a:\n  c: 1\n  b: 2\n  c: 3')
        self.refused(1, "duplicate key 'a'", '{a: 1, "a": 1}')

    def test_same_key_in_two_mappings_is_allowed(self):
        self.assertEqual({'a': {'c': 1}, 'b': {'c': 2}},
                         self.load('a: {c: 1}\nb: {c: 2}\n'))

    def test_merged_keys_can_be_overridden(self):
        content = self.load('a: &a {x: 1, y: 1}\n'
                            'b: &b\n  <<: *a\n  y: 2\n'
                            'c:\n  <<: [*b, *a]\n  z: 3\n')
        self.assertEqual({'x': 1, 'y': 2}, content['b'])
        self.assertEqual({'x': 1, 'y': 2, 'z': 3}, content['c'])
        self.assertEqual(4, content['b'].line_of('y'))

    def test_duplicate_key_beside_merged_keys_is_refused(self):
        self.refused(5, "duplicate key 'y'",
                     'a: &a {y: 1}\nb:\n  <<: *a\n  y: 2\n  y: 3\n')

    def test_key_that_is_not_a_string_is_refused(self):
        self.refused(2, 'the key 1 is not a string; put it in quotes',
                     'a: 1\n001: x\n')
        for key in ('no', '2026-01-31', '1.5', 'null', '[a]', '{a: b}', '~'):
            self.refused(2, 'is not a string', f'a: 1\n{key}: x\n')

    def test_invalid_yaml_is_refused(self):
        for line, text in ((3, 'a: [1,\n  2\n'), (2, 'a: 1\n\tb: 2\n'),
                           (2, 'a: 1\n b: 2\n'), (1, 'a: "b\n'),
                           (1, 'a: *nowhere\n'), (2, 'a: 1\n: : :\n- b'),
                           (1, '%x\n'), (2, 'a: 1\n}\n')):
            path = self.write('a.yaml', text)
            error = self.assertRaises(exception.ConfigurationError,
                                      yamlfile.load, path)
            self.assertIn('not valid YAML', str(error))
            reported = int(str(error).split(':')[1])
            self.assertLessEqual(abs(reported - line), 1,
                                 (text, str(error)))

    def test_second_document_is_refused(self):
        self.refused(2, 'a single document', 'a: 1\n---\nb: 2\n')

    def test_tags_of_python_objects_are_refused(self):
        self.refused(2, 'not valid YAML',
                     'a: 1\nb: !!python/object/apply:os.getpid []\n')
        self.refused(1, 'not valid YAML', '!unknown {}\n')

    def test_values_that_do_not_match_their_type_are_refused(self):
        for value in ('2026-02-30', '!!int x', '!!float x', '!!bool maybe',
                      '!!timestamp x', '1' * 5000, '!!binary "\xe9"'):
            self.refused(2, 'not valid YAML', f'a: 1\nb: {value}\n')
        for text in ('!!map [x]', '!!map x', 'a: !!map [x]', '!!int x'):
            self.refused(1, 'not valid YAML', text)

    def test_recursive_alias_is_refused(self):
        self.refused(1, 'not valid YAML', 'a: &a {b: *a}\n')

    def test_control_characters_are_refused(self):
        self.refused(2, 'U+0007', 'a: 1\nb: "\x07"\n')
        self.refused(3, 'U+0000', 'a: 1\n\n\x00\n')

    def test_file_that_is_not_utf_8_is_refused(self):
        path = pathlib.Path(self.write('a.yaml', ''))
        for line, data in ((2, b'a: 1\nb: gr\xfc\xdfe\n'), (1, b'\xff\xfe'),
                           (1, '\ud800'.encode('utf-8', 'surrogatepass'))):
            path.write_bytes(data)
            error = self.assertRaises(exception.ConfigurationError,
                                      yamlfile.load, path)
            self.assertEqual(f'{path}:{line}: the file is not UTF-8.',
                             str(error))

    def test_missing_file_is_refused(self):
        path = self.home / 'nowhere.yaml'
        error = self.assertRaises(exception.ConfigurationError,
                                  yamlfile.load, path)
        self.assertEqual(
            f'{path}: cannot be read: No such file or directory.', str(error))

    def test_directory_is_refused(self):
        error = self.assertRaises(exception.ConfigurationError,
                                  yamlfile.load, self.home)
        self.assertIn('Is a directory', str(error))

    @hypothesis.given(strategies.one_of(
        strategies.binary(max_size=40),
        strategies.text('ab:-[]{}!&*<# \n"\'0127|>%\t,?', max_size=40).map(
            str.encode),
        strategies.text(max_size=20).map(
            lambda text: text.encode('utf-8', 'surrogatepass'))))
    def test_any_content_raises_only_configuration_errors(self, data):
        path = self.home / 'any.yaml'
        path.write_bytes(data)
        try:
            yamlfile.load(path)
        except exception.ConfigurationError as error:
            self.assertThat(str(error), matchers.StartsWith(f'{path}:'))
