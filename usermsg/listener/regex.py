# SPDX-License-Identifier: Apache-2.0
"""Regular expressions for texts of other services.

RE2 matches in linear time: neither an operator's expression nor the text of
a notification can take a thread for long.
"""

import re2

#: Maximum length of the text that is matched, in characters.
MAX_LENGTH = 4096

#: Memory of one compiled expression, in bytes. RE2's cache of states is a
#: part of it; without space for the cache it matches more slowly.
_MAX_MEMORY = 2 ** 20

#: Unusual texts, which only an expression that matches all texts matches.
_PROBES = (b'', b'\x01', b'~\n\x7f| Q7')


class Regex:
    """Regular expression that is matched against a whole text.

    :param pattern: in the syntax of RE2; ``.`` also matches line breaks
    :raises ValueError: the pattern isn't valid or not supported; the text is
        a reason without a full stop
    :ivar groups: a dict of the names of groups and their numbers
    """

    __slots__ = ('_compiled', 'groups', 'pattern')

    def __init__(self, pattern):
        options = re2.Options()
        options.dot_nl = True
        options.max_mem = _MAX_MEMORY
        # Errors are raised; RE2 would also write them to standard error.
        options.log_errors = False
        self.pattern = pattern
        try:
            # Of bytes: re2 can't encode all strings of JSON.
            self._compiled = re2.compile(_encode(pattern), options)
        except re2.error as error:
            reason = error.args[0] if error.args else 'error'
            if isinstance(reason, bytes):
                reason = reason.decode('utf-8', 'replace')
            raise ValueError(f'not a valid RE2 expression: {reason}') from None
        self.groups = {name.decode('ascii', 'replace'): number
                       for name, number in self._compiled.groupindex.items()}

    def match(self, text):
        """Return the values of the named groups, None without a match.

        :param text: a value of any type; only strings match. It is cut to
            :data:`MAX_LENGTH`
        :returns: a dict; a group that isn't part of the match is None
        """
        if not isinstance(text, str):
            return None
        match = self._compiled.fullmatch(_encode(text[:MAX_LENGTH]))
        if match is None:
            return None
        values = {}
        for name, number in self.groups.items():
            value = match.group(number)
            values[name] = value and value.decode('utf-8', 'replace')
        return values

    @property
    def matches_everything(self):
        return all(self._compiled.fullmatch(probe) for probe in _PROBES)


def _encode(text):
    return text.encode('utf-8', 'replace')
