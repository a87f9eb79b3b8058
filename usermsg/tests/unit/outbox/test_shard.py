# SPDX-License-Identifier: Apache-2.0
from usermsg.db import lease
from usermsg.outbox import shard
from usermsg.tests import base
from usermsg.tests.fixtures import drivers


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db

    def put(self, *entries):
        return drivers.put(self.db, *entries)

    def take(self, reader, limit=100, is_due=lambda entry: True):
        """Return the ids of a batch."""
        return [entry.id for entry in reader.take(limit, is_due)]


class TestShard(TestCase):

    def shard(self, page_size=100):
        return shard.Shard(self.db, 'one', 0, page_size)

    def test_take_returns_first_of_each_subject_until_settled(self):
        put = self.put(*(drivers.entry(number, subject=f'{number % 2}')
                         for number in range(4)))
        reader = self.shard()
        self.assertEqual(put[:2], self.take(reader))
        self.assertEqual(put[:1], self.take(reader, 1))
        reader.settle({put[0]}, set())
        self.assertEqual([put[1], put[2]], self.take(reader))
        reader.settle({*put[1:3]}, set())
        self.assertEqual([put[3]], self.take(reader))
        reader.settle({put[3]}, set())
        self.assertEqual([], self.take(reader))

    def test_blocked_subjects_are_skipped(self):
        put = self.put(*(drivers.entry(number, subject=f'{number % 2}')
                         for number in range(6)))
        # Also on pages that are read later.
        reader = self.shard(page_size=2)
        self.take(reader)
        reader.settle({*put[:2]}, {'0'})
        self.assertEqual([put[3]], self.take(reader))

    def test_entry_not_due_blocks_later_entries_of_its_subject(self):
        put = self.put(drivers.entry(0, subject='a'),
                       drivers.entry(1, subject='a'), drivers.entry(2))
        self.assertEqual([put[2]], self.take(
            self.shard(), is_due=lambda entry: entry.id != put[0]))

    def test_late_commit_does_not_return_delete_without_create(self):
        put = self.put(*(drivers.entry(number) for number in range(4)))
        reader = self.shard(page_size=2)
        self.take(reader)
        # A late commit: the create's id is in the range that was read
        # already, its delete's id in the remaining range.
        self.put(drivers.entry(0, id=f'{put[0][:-1]}!', subject='late'),
                 drivers.entry(3590, subject='late'))
        reader.settle({*put[:2]}, set())
        self.assertEqual(put[2:], self.take(reader))
        reader.settle({*put[2:]}, set())
        self.assertEqual([], self.take(reader))

    def test_pages_per_pass_are_limited(self):
        put = self.put(*(drivers.entry(number) for number in range(30)))
        reader = self.shard(page_size=2)
        sent = []
        while batch := self.take(reader):
            sent += batch
            reader.settle(set(batch), set())
        self.assertEqual(put[:20], sent)
        self.assertTrue(reader.has_more)

    def test_partial_page_has_no_more(self):
        self.put(drivers.entry(0))
        reader = self.shard(page_size=2)
        self.take(reader)
        self.assertFalse(reader.has_more)


class TestShards(TestCase):

    def shards(self, *numbers, batch_size=100):
        options = self.runtime(relay={'batch_size': batch_size}).conf.relay
        return shard.Shards(self.db, 'one', numbers, options)

    def take(self, reader):
        return [entry.id for entry in reader.take(lambda entry: True)]

    def lease_of(self, number):
        return lease.Lease(self.db, f'relay-one-{number}', 60)

    def test_batch_contains_entries_of_several_shards(self):
        put = self.put(*(drivers.entry(number, shard=number % 3)
                         for number in range(9)))
        reader = self.shards(0, 1, 2)
        self.assertEqual(sorted(put), sorted(self.take(reader)))
        reader.settle(set(put), set())
        self.assertEqual([], self.take(reader))

    def test_lease_is_acquired_when_batch_has_room_for_its_shard(self):
        put = self.put(*(drivers.entry(number, shard=number // 4)
                         for number in range(8)))
        reader = self.shards(0, 1, batch_size=3)
        self.assertEqual(put[:3], self.take(reader))
        self.assertFalse(self.lease_of(0).acquire())
        other = self.lease_of(1)
        self.assertTrue(other.acquire())
        reader.settle({*put[:3]}, set())
        # Shards of another worker are skipped.
        self.assertEqual([put[3]], self.take(reader))
        reader.settle({put[3]}, set())
        self.assertEqual([], self.take(reader))
        self.assertTrue(self.lease_of(0).acquire())

    def test_release_releases_all_leases(self):
        self.put(drivers.entry(0, shard=0), drivers.entry(1, shard=1))
        reader = self.shards(0, 1)
        self.take(reader)
        self.assertFalse(self.lease_of(0).acquire() or
                         self.lease_of(1).acquire())
        reader.release()
        self.assertTrue(self.lease_of(0).acquire() and
                        self.lease_of(1).acquire())

    def test_write_after_lost_lease_writes_nothing(self):
        self.put(drivers.entry(0, shard=0), drivers.entry(1, shard=1))
        reader = self.shards(0, 1)
        self.take(reader)
        drivers.end_leases(self.db)
        self.assertTrue(self.lease_of(1).acquire())
        self.assertRaises(lease.LeaseLost, reader.write, self.fail)
