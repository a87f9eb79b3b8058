# SPDX-License-Identifier: Apache-2.0
"""Globs, in which only ``*`` is special.

Matching takes linear time, unlike a regular expression with several ``.*``.
"""

WILDCARD = '*'


class Glob:
    """Pattern for a whole string; ``*`` matches any number of characters.

    :ivar is_literal: True if the pattern matches only itself
    """

    __slots__ = ('_middle', '_minimum', '_prefix', '_suffix', 'is_literal',
                 'pattern')

    def __init__(self, pattern):
        self.pattern = pattern
        self._prefix, *middle = pattern.split(WILDCARD)
        self.is_literal = not middle
        self._suffix = middle.pop() if middle else ''
        self._middle = [part for part in middle if part]
        self._minimum = len(self._prefix) + len(self._suffix)

    def matches(self, text):
        if self.is_literal:
            return text == self.pattern
        if not (len(text) >= self._minimum and
                text.startswith(self._prefix) and
                text.endswith(self._suffix)):
            return False
        position, end = len(self._prefix), len(text) - len(self._suffix)
        for part in self._middle:
            position = text.find(part, position, end)
            if position < 0:
                return False
            position += len(part)
        return True

    def covers(self, other):
        """Return True if each string that another glob matches matches too.

        False if that isn't certain.
        """
        # A wildcard of the other glob is a character that is special to
        # neither, so only a wildcard of this one can match it.
        return self.matches(other.pattern.replace(WILDCARD, '\0'))
