# SPDX-License-Identifier: Apache-2.0
"""Queries on the outbox, their results and indexes."""

import collections
import datetime
import itertools
import re

from sqlalchemy import event

from usermsg.db import index_scan
from usermsg.db import models
from usermsg.objects import outbox
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import outbox_samples
from usermsg.tests.fixtures import samples
from usermsg.tests.functional.db import test_plans

entry = outbox_samples.entry
HOUR = datetime.timedelta(hours=1)


def _ids(rows):
    return [(row.id, row.driver) for row in rows]


class TestCase(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db

    def insert(self, *entries):
        outbox_samples.insert(self.db, entries)

    def stored(self):
        return outbox_samples.stored(self.db)

    def matching(self, **values):
        return list(itertools.chain.from_iterable(
            outbox.pages(self.db, outbox.EntryFilter(**values))))


class TestEntryFilter(TestCase):

    def setUp(self):
        super().setUp()
        self.entries = [
            entry(1), entry(2, driver='qpid'),
            entry(3, set_aside=1, reason='Too large.', attempts=2),
            entry(4, event_type='image.delete'),
            entry(3600, queued_at=(samples.START + 3 * HOUR).replace(
                tzinfo=None))]
        # The same notification, for another driver.
        self.same_id = entry(1, id=self.entries[0].id, driver='qpid')
        self.insert(*self.entries, self.same_id)

    def assertMatching(self, expected, **values):
        self.assertEqual(sorted(_ids(expected)),
                         _ids(self.matching(**values)), values)

    def test_pages_contain_matching_entries_in_order(self):
        first, second, third, fourth, last = self.entries
        self.assertMatching([*self.entries, self.same_id])
        self.assertMatching([first, self.same_id, third],
                            ids=(first.id, third.id))
        self.assertMatching([self.same_id], ids=(first.id, third.id),
                            drivers=('qpid',))
        self.assertMatching([self.same_id, second], drivers=('qpid', 'other'))
        self.assertMatching([fourth], event_type='image.delete')
        self.assertMatching([third], dead_letters=True)
        self.assertMatching([first, self.same_id, second, fourth, last],
                            dead_letters=False)
        self.assertMatching([last], since=samples.START + 2 * HOUR)
        self.assertMatching([first, self.same_id, second, third, fourth],
                            before=samples.START + 3 * HOUR)
        self.assertMatching([], ids=('another',))

    def test_pages_contain_all_columns_but_the_content(self):
        row, = self.matching(dead_letters=True)
        self.assertEqual(
            {**{field: getattr(self.entries[2], field)
                for field in row._fields}}, row._asdict())
        self.assertEqual({'content'}, set(
            models.outbox.c.keys()) - set(row._fields))

    def test_count_by_type(self):
        total = collections.Counter()
        for counts in outbox.count_by_type(
                self.db, outbox.EntryFilter(dead_letters=False)):
            total.update(counts)
        self.assertEqual({('rabbit', 'image.upload'): 2,
                          ('qpid', 'image.upload'): 2,
                          ('rabbit', 'image.delete'): 1}, total)

    def test_retry_resets_entries(self):
        now = samples.START + 24 * HOUR
        entry_filter = outbox.EntryFilter(dead_letters=True)
        self.assertEqual(1, sum(outbox.retry(self.db, entry_filter, now)))
        third = self.entries[2]
        [changed] = [row for row in self.stored() if row.id == third.id]
        self.assertEqual(
            (0, 0, None, None, now.replace(tzinfo=None)),
            (changed.set_aside, changed.attempts, changed.due_at,
             changed.reason, changed.queued_at))
        self.assertEqual((third.content, third.occurred_at),
                         (changed.content, changed.occurred_at))
        self.assertEqual(0, sum(outbox.retry(self.db, entry_filter, now)))

    def test_drop_for_one_driver_keeps_other_drivers(self):
        first = self.entries[0]
        self.assertEqual(1, sum(outbox.drop(self.db, outbox.EntryFilter(
            ids=(first.id,), drivers=('rabbit',)))))
        self.assertEqual([(self.same_id.id, 'qpid')],
                         _ids(self.stored())[:1])
        self.assertEqual(5, len(self.stored()))


class TestConcurrentChange(TestCase):

    # SQLite permits no concurrent writer.
    scenarios = databases.SCENARIOS[1:]

    def test_entry_changed_meanwhile_is_not_dropped(self):
        more = [entry(number, set_aside=1) for number in range(10, 20)]
        self.insert(*more)
        seen = []

        @event.listens_for(self.db.engine(), 'before_cursor_execute')
        def retry_first(connection, cursor, statement, *_):
            # After the SELECT and before the DELETE.
            if statement.startswith('DELETE') and not seen:
                seen.append(statement)
                list(outbox.retry(self.runtime(tables=False).db,
                                  outbox.EntryFilter(ids=(more[0].id,)),
                                  samples.START))

        dropped = sum(outbox.drop(
            self.db, outbox.EntryFilter(dead_letters=True)))
        self.assertEqual(9, dropped)
        self.assertIn(more[0].id, [row.id for row in self.stored()])


class TestManyEntries(TestCase):

    def test_pages_with_many_equal_ids(self):
        same = entry(1).id
        self.insert(*[entry(1, id=same, driver=f'driver-{number:04}')
                      for number in range(outbox.BATCH + 10)],
                    entry(2))
        rows = self.matching()
        self.assertEqual(outbox.BATCH + 11, len(set(_ids(rows))))
        self.assertEqual(sorted(_ids(rows)), _ids(rows))

    def test_backlog_is_counted_by_driver(self):
        self.assertEqual({}, outbox.backlog(self.db))
        self.insert(*[entry(number) for number in range(40)],
                    *[entry(number, set_aside=1) for number in range(7)],
                    entry(5, driver='qpid', set_aside=1),
                    entry(5, driver='zebra', queued_at=(
                        samples.START - HOUR).replace(tzinfo=None)))
        self.assertEqual({
            'qpid': outbox.Backlog(0, 1, None),
            'rabbit': outbox.Backlog(40, 7, samples.START),
            'zebra': outbox.Backlog(1, 0, samples.START - HOUR)},
            outbox.backlog(self.db))


class TestPlans(test_plans.TestCase):
    """Query plans on several index steps of mostly similar entries."""

    ROWS = 2 * index_scan.STEP + 100

    #: Pattern of a statement -> its index; the first match applies.
    INDEXES = (
        (r'WHERE .*set_aside = .*driver = ', 'outbox_relay_idx'),
        (r'SELECT outbox.driver ', 'outbox_relay_idx'),
        ('', 'the primary key'))

    def test_every_query_uses_its_index(self):
        outbox_samples.insert(self.db, (
            entry(number, driver='qpid' if number % 100 == 1 else 'rabbit',
                  set_aside=int(number % 1000 == 1))
            for number in range(self.ROWS)))
        self.analyze('outbox')
        seen = []
        event.listen(self.db.engine(), 'before_cursor_execute',
                     lambda connection, cursor, statement, parameters, *_:
                     seen.append((statement, parameters)))
        self.run_queries()
        statements = {}
        for statement, parameters in seen:
            if 'outbox' in statement:
                statements.setdefault(
                    re.sub(r'IN \(.*?\)', 'IN', statement),
                    (statement, parameters))
        self.assertGreater(len(statements), 10)
        problems = []
        with self.db.engine().connect() as connection:
            for statement, parameters in list(statements.values()):
                index = next(index for pattern, index in self.INDEXES
                             if re.search(pattern, statement, re.S))
                problem = self.problem(
                    connection, statement, parameters, index, 'outbox')
                # The rows of one step may be sorted for counting.
                if problem and not ('GROUP BY' in statement and
                                    problem.startswith('sorts')):
                    problems.append((problem, statement))
        self.assertEqual([], problems)

    def run_queries(self):
        """Run every query on the outbox."""
        db = self.db
        self.assertEqual(32, len(list(outbox.shards(db, 'rabbit'))))
        pending_rows = outbox.pending(db, 'rabbit', 3)
        outbox.pending(db, 'rabbit', 3, pending_rows[-1].id)
        self.assertEqual({'qpid', 'rabbit'}, set(outbox.backlog(db)))
        for entry_filter in (
                outbox.EntryFilter(),
                outbox.EntryFilter(drivers=('qpid',), dead_letters=True),
                outbox.EntryFilter(
                    event_type='another', dead_letters=False,
                    since=samples.START, before=samples.START),
                outbox.EntryFilter(
                    ids=(pending_rows[0].id, pending_rows[1].id),
                    drivers=('rabbit',))):
            for _page in outbox.pages(db, entry_filter):
                pass
            for _counts in outbox.count_by_type(db, entry_filter):
                pass
        list(outbox.retry(db, outbox.EntryFilter(dead_letters=True),
                          samples.START))
        list(outbox.drop(db, outbox.EntryFilter(drivers=('qpid',))))

        def change(connection):
            idents = [row.id for row in pending_rows]
            outbox.postpone(connection, 'rabbit', idents[:1],
                            samples.START, 'Because.')
            outbox.move_to_dead_letters(
                connection, 'rabbit', idents, 'Because.')
            outbox.delete(connection, 'rabbit', idents)

        db.write(change)
