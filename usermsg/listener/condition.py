# SPDX-License-Identifier: Apache-2.0
"""Conditions on values of notifications."""

import dataclasses

from usermsg.listener import glob

#: Types of JSON, which separate true from 1, unlike Python.
_TYPES = {str: 'string', int: 'number', float: 'number', bool: 'boolean',
          type(None): 'null'}


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Equality with one of several scalar values."""

    keys: frozenset

    @classmethod
    def of(cls, values):
        return cls(frozenset((_TYPES[type(value)], value)
                             for value in values))

    def holds(self, value):
        kind = _TYPES.get(type(value))
        return kind is not None and (kind, value) in self.keys


@dataclasses.dataclass(frozen=True)
class Matching:
    """Match of a string with one of several globs."""

    patterns: frozenset
    globs: tuple = dataclasses.field(compare=False)

    @classmethod
    def of(cls, patterns):
        return cls(frozenset(patterns), tuple(map(glob.Glob, patterns)))

    def holds(self, value):
        return isinstance(value, str) and any(
            pattern.matches(value) for pattern in self.globs)


@dataclasses.dataclass(frozen=True)
class Empty:
    """Absence of a value, or of its contents, or the opposite."""

    expected: bool

    def holds(self, value):
        empty = value is None or (
            isinstance(value, (str, list, dict)) and not value)
        return empty is self.expected


@dataclasses.dataclass(frozen=True)
class Not:
    """Opposite of a condition."""

    condition: object

    def holds(self, value):
        return not self.condition.holds(value)


@dataclasses.dataclass(frozen=True)
class AllOf:
    """Several conditions that hold together."""

    conditions: tuple

    def holds(self, value):
        return all(condition.holds(value) for condition in self.conditions)


def build(value):
    """Return the condition that a valid value of a rule file describes."""
    if isinstance(value, dict):
        conditions = []
        if 'glob' in value:
            conditions.append(Matching.of(as_list(value['glob'])))
        if 'not' in value:
            conditions.append(Not(build(value['not'])))
        if 'empty' in value:
            conditions.append(Empty(value['empty']))
        return (conditions[0] if len(conditions) == 1 else
                AllOf(tuple(conditions)))
    return OneOf.of(as_list(value))


def as_list(value):
    return value if isinstance(value, list) else [value]
