# SPDX-License-Identifier: Apache-2.0
"""Evaluation of paths, compared with the interpreter of JMESPath."""

import itertools

from hypothesis import given
from hypothesis import strategies
import jmespath

from usermsg.listener import path
from usermsg.tests import base

#: Paths that are evaluated without the interpreter.
PATHS = ('payload', 'payload.a', 'payload.a.b', 'payload.a || payload.b',
         'payload.a || payload.b || context.c',
         'payload.a || (payload.b || context.c)', 'payload."a.b"."c d"')

_VALUES = strategies.sampled_from(
    [None, False, True, 0, 0.0, 1, '', 'x', [], [0], {}, {'b': 0},
     {'b': ''}, {'b': 'y'}])


class PathTest(base.TestCase):

    @given(_VALUES, _VALUES, _VALUES)
    def test_values_are_those_of_jmespath(self, first, second, third):
        for payload in ({'a': first, 'b': second,
                         'a.b': {'c d': third}}, first):
            document = {'payload': payload, 'context': {'c': third}}
            for expression in PATHS:
                self.assertEqual(
                    repr(jmespath.search(expression, document)),
                    repr(path.Path(expression).evaluate(document)))

    def test_absent_values_are_none(self):
        for expression, document in itertools.product(
                PATHS, ({}, {'payload': []}, {'payload': {'a': 1}})):
            self.assertEqual(
                jmespath.search(expression, document),
                path.Path(expression).evaluate(document))
