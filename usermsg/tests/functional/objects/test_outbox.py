# SPDX-License-Identifier: Apache-2.0
"""What may be asked of the outbox: the answers, and by which index."""

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

    def found(self, **values):
        return list(itertools.chain.from_iterable(
            outbox.pages(self.db, outbox.EntryFilter(**values))))


class TestChosen(TestCase):

    def setUp(self):
        super().setUp()
        self.entries = [
            entry(1), entry(2, driver='qpid'),
            entry(3, set_aside=1, reason='Too large.', attempts=2),
            entry(4, event_type='image.delete'),
            entry(3600, queued_at=(samples.START + 3 * HOUR).replace(
                tzinfo=None))]
        # The same notification, for another driver.
        self.both = entry(1, id=self.entries[0].id, driver='qpid')
        self.insert(*self.entries, self.both)

    def assertFound(self, expected, **values):
        self.assertEqual(sorted(_ids(expected)),
                         _ids(self.found(**values)), values)

    def test_pages_hold_what_is_meant_in_its_order(self):
        first, second, third, fourth, last = self.entries
        self.assertFound([*self.entries, self.both])
        self.assertFound([first, self.both, third], ids=(first.id, third.id))
        self.assertFound([self.both], ids=(first.id, third.id),
                         drivers=('qpid',))
        self.assertFound([self.both, second], drivers=('qpid', 'other'))
        self.assertFound([fourth], event_type='image.delete')
        self.assertFound([third], set_aside=True)
        self.assertFound([first, self.both, second, fourth, last],
                         set_aside=False)
        self.assertFound([last], since=samples.START + 2 * HOUR)
        self.assertFound([first, self.both, second, third, fourth],
                         before=samples.START + 3 * HOUR)
        self.assertFound([], ids=('another',))

    def test_pages_show_all_but_the_content(self):
        row, = self.found(set_aside=True)
        self.assertEqual(
            {**{field: getattr(self.entries[2], field)
                for field in row._fields}}, row._asdict())
        self.assertEqual({'content'}, set(
            models.outbox.c.keys()) - set(row._fields))

    def test_kinds_are_counted(self):
        total = collections.Counter()
        for found in outbox.count_by_type(self.db, outbox.EntryFilter(set_aside=False)):
            total.update(found)
        self.assertEqual({('rabbit', 'image.upload'): 2,
                          ('qpid', 'image.upload'): 2,
                          ('rabbit', 'image.delete'): 1}, total)

    def test_retry_begins_anew(self):
        now = samples.START + 24 * HOUR
        chosen = outbox.EntryFilter(set_aside=True)
        self.assertEqual(1, sum(outbox.retry(self.db, chosen, now)))
        third = self.entries[2]
        [changed] = [each for each in self.stored() if each.id == third.id]
        self.assertEqual(
            (0, 0, None, None, now.replace(tzinfo=None)),
            (changed.set_aside, changed.attempts, changed.due_at,
             changed.reason, changed.queued_at))
        self.assertEqual((third.content, third.occurred_at),
                         (changed.content, changed.occurred_at))
        self.assertEqual(0, sum(outbox.retry(self.db, chosen, now)))

    def test_drop_removes_for_one_driver_only(self):
        first = self.entries[0]
        self.assertEqual(1, sum(outbox.drop(self.db, outbox.EntryFilter(
            ids=(first.id,), drivers=('rabbit',)))))
        self.assertEqual([(self.both.id, 'qpid')],
                         _ids(self.stored())[:1])
        self.assertEqual(5, len(self.stored()))


class TestMeanwhile(TestCase):

    # SQLite lets nobody else write meanwhile.
    scenarios = databases.SCENARIOS[1:]

    def test_what_has_changed_meanwhile_is_left_alone(self):
        more = [entry(number, set_aside=1) for number in range(10, 20)]
        self.insert(*more)
        seen = []

        @event.listens_for(self.db.engine(), 'before_cursor_execute')
        def retry_first(connection, cursor, statement, *_):
            # After they were looked up, and before they are removed.
            if statement.startswith('DELETE') and not seen:
                seen.append(statement)
                list(outbox.retry(self.runtime(tables=False).db,
                                  outbox.EntryFilter(ids=(more[0].id,)),
                                  samples.START))

        dropped = sum(outbox.drop(
            self.db, outbox.EntryFilter(set_aside=True)))
        self.assertEqual(9, dropped)
        self.assertIn(more[0].id, [each.id for each in self.stored()])


class TestMany(TestCase):

    def test_more_than_a_page_of_equal_ids(self):
        same = entry(1).id
        self.insert(*[entry(1, id=same, driver=f'driver-{number:04}')
                      for number in range(outbox.BATCH + 10)],
                    entry(2))
        found = self.found()
        self.assertEqual(outbox.BATCH + 11, len(set(_ids(found))))
        self.assertEqual(sorted(_ids(found)), _ids(found))

    def test_the_backlog_is_counted_by_driver(self):
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
    """Of a table with some steps of entries, of which most are alike."""

    ROWS = 2 * index_scan.STEP + 100

    #: The index of each statement, by what tells it from others.
    INDEXES = (
        (r'WHERE .*set_aside = .*driver = ', 'outbox_relay_idx'),
        (r'SELECT outbox.driver ', 'outbox_relay_idx'),
        ('', 'the primary key'))

    def test_every_query_walks_its_index(self):
        outbox_samples.insert(self.db, (
            entry(number, driver='qpid' if number % 100 == 1 else 'rabbit',
                  set_aside=int(number % 1000 == 1))
            for number in range(self.ROWS)))
        self.analyze('outbox')
        seen = []
        event.listen(self.db.engine(), 'before_cursor_execute',
                     lambda connection, cursor, statement, parameters, *_:
                     seen.append((statement, parameters)))
        self.ask()
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
                # What a step has found may be sorted, to be counted.
                if problem and not ('GROUP BY' in statement and
                                    problem.startswith('it sorts')):
                    problems.append((problem, statement))
        self.assertEqual([], problems)

    def ask(self):
        """Everything that is asked of the outbox."""
        db = self.db
        self.assertEqual(32, len(list(outbox.shards(db, 'rabbit'))))
        waiting = outbox.pending(db, 'rabbit', 3)
        outbox.pending(db, 'rabbit', 3, waiting[-1].id)
        self.assertEqual({'qpid', 'rabbit'}, set(outbox.backlog(db)))
        for chosen in (
                outbox.EntryFilter(),
                outbox.EntryFilter(drivers=('qpid',), set_aside=True),
                outbox.EntryFilter(event_type='another', set_aside=False,
                              since=samples.START, before=samples.START),
                outbox.EntryFilter(ids=(waiting[0].id, waiting[1].id),
                              drivers=('rabbit',))):
            for _page in outbox.pages(db, chosen):
                pass
            for _kinds in outbox.count_by_type(db, chosen):
                pass
        list(outbox.retry(db, outbox.EntryFilter(set_aside=True), samples.START))
        list(outbox.drop(db, outbox.EntryFilter(drivers=('qpid',))))

        def change(connection):
            idents = [each.id for each in waiting]
            outbox.postpone(connection, 'rabbit', idents[:1],
                            samples.START, 'Because.')
            outbox.move_to_dead_letters(connection, 'rabbit', idents, 'Because.')
            outbox.delete(connection, 'rabbit', idents)

        db.write(change)
