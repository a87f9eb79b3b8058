# SPDX-License-Identifier: Apache-2.0
"""Paths to values of notifications: JMESPath of limited cost."""

import jmespath
from jmespath import exceptions
from jmespath import visitor

#: Attributes of the object that paths are evaluated on.
ROOTS = ('payload', 'context', 'publisher_id', 'event_type', 'priority')

#: Functions whose cost doesn't depend on the payload, or linearly on one
#: value of it.
FUNCTIONS = ('contains', 'ends_with', 'length', 'not_null', 'starts_with',
             'type')

#: A path may have one of these: each of them may visit the whole payload.
_PROJECTIONS = ('projection', 'value_projection', 'filter_projection')

_FORBIDDEN = {
    'multi_select_list': 'multi-select lists are not supported',
    'multi_select_dict': 'multi-select hashes are not supported',
    'expref': 'references to expressions are not supported'}

#: Nodes whose first child is evaluated on the root, and the others on its
#: value.
_CHAINS = ('subexpression', 'index_expression', 'flatten', 'pipe',
           *_PROJECTIONS)


class Path:
    """Compiled path. Thread-safe.

    :param expression: a JMESPath expression
    :raises ValueError: the expression isn't valid or not permitted; the text
        is a reason without a full stop
    """

    __slots__ = ('_alternatives', '_interpreter', '_node', 'expression')

    def __init__(self, expression):
        self.expression = expression
        try:
            self._node = jmespath.compile(expression).parsed
            _check(self._node)
        except exceptions.JMESPathError as error:
            # Only the first line: the others repeat the expression.
            reason = str(error).partition('\n')[0].rstrip(':. ')
            raise ValueError(f'not valid JMESPath: {reason}') from None
        except RecursionError:
            raise ValueError('not valid JMESPath: nested too deeply') from None
        self._alternatives = _alternatives(self._node)
        self._interpreter = visitor.TreeInterpreter()

    def evaluate(self, document):
        """Return the value, None if it is absent.

        :param document: a dict with the keys :data:`ROOTS`
        :raises Exception: of any class, if values have unsuitable types or
            are nested too deeply
        """
        if self._alternatives is None:
            return self._interpreter.visit(self._node, document)
        # Most paths are names, or alternatives of names; the interpreter
        # takes several times as long for them.
        for names in self._alternatives:
            value = document
            for name in names:
                if not isinstance(value, dict):
                    value = None
                    break
                value = value.get(name)
            if not _is_false(value):
                break
        return value


def _check(root):
    projections = 0
    for node in _walk(root):
        kind = node['type']
        if kind in _FORBIDDEN:
            raise ValueError(_FORBIDDEN[kind])
        if kind == 'function_expression' and node['value'] not in FUNCTIONS:
            raise ValueError(
                f'the function {node["value"]} is not supported; functions '
                f'are {", ".join(FUNCTIONS)}')
        projections += kind in _PROJECTIONS
    if projections > 1:
        raise ValueError('more than one projection is not supported')
    for name in _roots(root):
        if name not in ROOTS:
            raise ValueError(
                f'must begin with one of {", ".join(ROOTS)}'
                f'{f", not with {name}" if name else ""}')


def _walk(node):
    yield node
    for child in node['children']:
        yield from _walk(child)


def _roots(node):
    """Yield the first names of all alternatives, None without a name."""
    kind = node['type']
    if kind == 'field':
        yield node['value']
    elif kind in _CHAINS:
        yield from _roots(node['children'][0])
    elif kind in ('identity', 'current'):
        yield None
    else:
        for child in node['children']:
            yield from _roots(child)


def _fields(node):
    """Return the names of a path that consists of names, else None."""
    if node['type'] == 'field':
        return (node['value'],)
    if node['type'] == 'subexpression':
        parts = [_fields(child) for child in node['children']]
        if None not in parts:
            return tuple(name for part in parts for name in part)
    return None


def _alternatives(node):
    """Return the names of each side of ``||``, else None.

    A path without ``||`` has one side.
    """
    if node['type'] == 'or_expression':
        parts = [_alternatives(child) for child in node['children']]
        return None if None in parts else parts[0] + parts[1]
    fields = _fields(node)
    return None if fields is None else (fields,)


def _is_false(value):
    """Return True if ``||`` skips a value: not for 0, unlike Python."""
    return (value is None or value is False or
            (isinstance(value, (str, list, dict)) and not value))
