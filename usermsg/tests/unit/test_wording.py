# SPDX-License-Identifier: Apache-2.0
"""Wording of code and pages: standard terms, and no private ones.

CONTRIBUTING.rst has the rules. The limit may be lowered, never raised.
"""

import ast
import pathlib
import re

import testtools

from usermsg.tests import base

#: Discouraged words per 1,000 words.
WORD_LIMIT = 0.01

_WORDS = re.compile(r'\b({})\b'.format('|'.join(
    line for line in (base.ROOT / 'usermsg/tests/fixtures/data/'
                      'discouraged_words.txt').read_text().splitlines()
    if not line.startswith('#'))), re.I)

_DOCSTRING = re.compile(
    r'(What|Who|Whose|Whether|How|Where|When|Which)\b')
_TEST_NAME = re.compile(
    r'test_(what|who|whose|whether|how|where|nothing|nobody|it)_')
_VAGUE_NAMES = {'found', 'known', 'said', 'left', 'told'}


def _files(*suffixes):
    """Return the files of the project, without those of environments."""
    roots = ('usermsg', 'client/usermsgclient', 'dashboard/usermsg_dashboard',
             'benchmarks', 'doc/source', 'examples', 'releasenotes', 'tools')
    files = [path for root in roots
             for path in (base.ROOT / root).rglob('*')
             if path.suffix in suffixes and 'languages' not in path.parts]
    files += [path for directory in ('.', 'client', 'dashboard')
              for path in (base.ROOT / directory).iterdir()
              if path.suffix in suffixes]
    # This module lists the words.
    return sorted(set(files) - {pathlib.Path(__file__)})


class WordingTest(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nodes = [
            (str(path.relative_to(base.ROOT)), node)
            for path in _files('.py')
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))]

    def nodes_of(self, *types):
        return [(path, node) for path, node in self.nodes
                if isinstance(node, types)]

    def test_words_are_standard_terms(self):
        total, places = 0, []
        for path in _files('.py', '.rst', '.yaml', '.sh'):
            text = path.read_text(encoding='utf-8')
            total += len(text.split())
            for match in _WORDS.finditer(text):
                line = text.count('\n', 0, match.start()) + 1
                places.append(f'{path.relative_to(base.ROOT)}:{line}: '
                              f'{match[0]}')
        self.assertGreater(total, 100_000)
        self.assertLessEqual(1000 * len(places) / total, WORD_LIMIT, places)

    def test_docstrings_begin_with_noun_or_verb(self):
        docstrings = [
            (path, ast.get_docstring(node)) for path, node in self.nodes_of(
                ast.Module, ast.ClassDef, ast.FunctionDef)]
        self.assertEqual([], [
            (path, text) for path, text in docstrings
            if text and _DOCSTRING.match(text)])

    def test_test_names_begin_with_subject(self):
        self.assertEqual([], [
            (path, node.name) for path, node in self.nodes_of(ast.FunctionDef)
            if _TEST_NAME.match(node.name)])

    def test_variables_are_named_after_content(self):
        self.assertEqual([], [
            (path, node.id) for path, node in self.nodes_of(ast.Name)
            if isinstance(node.ctx, ast.Store) and
            node.id in _VAGUE_NAMES and '/tests/' not in path])
