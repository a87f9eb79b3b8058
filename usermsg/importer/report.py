# SPDX-License-Identifier: Apache-2.0
"""Summary of an import for the operator."""

import collections

from usermsg import text

#: Ids that are listed for each reason, and events, at most.
MAX_NAMES = 5


class Report:
    """Summary of an import.

    :ivar numbers: number of rows that were ``new``, ``imported_before``,
        ``merged``, ``deleted_here``, ``deleted_there``, ``deleted`` or
        ``expired``: each row is counted as one of these, or as skipped; and
        of those whose event was ``unknown``
    """

    def __init__(self):
        self.numbers = collections.Counter()
        self._skipped = collections.Counter()
        self._names = collections.defaultdict(list)

    def skip(self, old_id, reason):
        """Count a row that can't be imported."""
        self._skipped[reason] += 1
        self._add_name(reason, text.printable(old_id))

    def add_unknown(self, event_id):
        """Count a row whose event isn't in the catalogue."""
        self.numbers['unknown'] += 1
        self._add_name('unknown', event_id)

    def _add_name(self, reason, name):
        names = self._names[reason]
        # One name more than is listed shows that there are more.
        if len(names) <= MAX_NAMES and name not in names:
            names.append(name)

    def _join_names(self, reason):
        *names, last = self._names[reason]
        return ', '.join([*names, '...' if len(names) == MAX_NAMES else last])

    def lines(self, dry_run=False):
        """Yield the lines of the report, for the operator."""
        verb = 'would be' if dry_run else 'have been'
        numbers = self.numbers
        yield f'{numbers["new"]:,} messages {verb} imported.'
        for name, result in (
                ('imported_before', 'messages were imported before.'),
                ('merged', f'messages {verb} merged with those that '
                           f'notifications of the same failures caused.'),
                ('deleted_here', 'messages were imported before, and deleted '
                                 'here since.'),
                ('deleted_there', f'messages {verb} deleted here, because '
                                  f'their rows have been deleted.'),
                ('deleted', 'rows were ignored, because they are deleted.'),
                ('expired', 'rows were ignored, because they have expired.'),
        ):
            if numbers[name]:
                yield f'{numbers[name]:,} {result}'
        if numbers['unknown']:
            yield (f'{numbers["unknown"]:,} messages have an event that is '
                   f'not in the catalogue, and are shown with a general text: '
                   f'{self._join_names("unknown")}')
        if self._skipped:
            yield f'{self.number_skipped:,} rows were skipped:'
        for line in self.skipped_lines():
            yield f'  {line}'

    @property
    def number_skipped(self):
        return self._skipped.total()

    def skipped_lines(self):
        """Yield a line for each reason of skipped rows."""
        for reason, number in self._skipped.most_common():
            yield f'{number:,}: {reason} Ids: {self._join_names(reason)}'
