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

    def take(self, reader, most=100, due=lambda entry: True):
        """Ids of a batch."""
        return [entry.id for entry in reader.take(most, due)]


class TestShard(TestCase):

    def shard(self, page_size=100):
        return shard.Shard(self.db, 'one', 0, page_size)

    def test_the_first_of_each_subject_until_it_is_settled(self):
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

    def test_subjects_that_are_blocked_are_passed_over(self):
        put = self.put(*(drivers.entry(number, subject=f'{number % 2}')
                         for number in range(6)))
        # Also in what is read later.
        reader = self.shard(page_size=2)
        self.take(reader)
        reader.settle({*put[:2]}, {'0'})
        self.assertEqual([put[3]], self.take(reader))

    def test_what_is_behind_one_that_is_not_due_stays_behind_it(self):
        put = self.put(drivers.entry(0, subject='a'),
                       drivers.entry(1, subject='a'), drivers.entry(2))
        self.assertEqual([put[2]], self.take(
            self.shard(), due=lambda entry: entry.id != put[0]))

    def test_a_delete_is_not_shown_without_its_create(self):
        put = self.put(*(drivers.entry(number) for number in range(4)))
        reader = self.shard(page_size=2)
        self.take(reader)
        # Committed behind what was looked at, and its end before it.
        self.put(drivers.entry(0, id=f'{put[0][:-1]}!', subject='late'),
                 drivers.entry(3590, subject='late'))
        reader.settle({*put[:2]}, set())
        self.assertEqual(put[2:], self.take(reader))
        reader.settle({*put[2:]}, set())
        self.assertEqual([], self.take(reader))

    def test_more_is_left_to_the_next_pass_after_some_pages(self):
        put = self.put(*(drivers.entry(number) for number in range(30)))
        reader = self.shard(page_size=2)
        taken = []
        while batch := self.take(reader):
            taken += batch
            reader.settle(set(batch), set())
        self.assertEqual(put[:20], taken)
        self.assertTrue(reader.has_more)

    def test_there_is_no_more_behind_a_page_that_is_not_full(self):
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

    def claim(self, number):
        return lease.Lease(self.db, f'relay-one-{number}', 60)

    def test_a_batch_holds_what_waits_in_several(self):
        put = self.put(*(drivers.entry(number, shard=number % 3)
                         for number in range(9)))
        reader = self.shards(0, 1, 2)
        self.assertEqual(sorted(put), sorted(self.take(reader)))
        reader.settle(set(put), set())
        self.assertEqual([], self.take(reader))

    def test_a_lease_is_taken_when_there_is_room_for_its_shard(self):
        put = self.put(*(drivers.entry(number, shard=number // 4)
                         for number in range(8)))
        reader = self.shards(0, 1, batch_size=3)
        self.assertEqual(put[:3], self.take(reader))
        self.assertFalse(self.claim(0).acquire())
        other = self.claim(1)
        self.assertTrue(other.acquire())
        reader.settle({*put[:3]}, set())
        # What another worker relays is left to it.
        self.assertEqual([put[3]], self.take(reader))
        reader.settle({put[3]}, set())
        self.assertEqual([], self.take(reader))
        self.assertTrue(self.claim(0).acquire())

    def test_all_leases_are_given_back(self):
        self.put(drivers.entry(0, shard=0), drivers.entry(1, shard=1))
        reader = self.shards(0, 1)
        self.take(reader)
        self.assertFalse(self.claim(0).acquire() or self.claim(1).acquire())
        reader.release()
        self.assertTrue(self.claim(0).acquire() and self.claim(1).acquire())

    def test_nothing_is_written_once_one_lease_is_lost(self):
        self.put(drivers.entry(0, shard=0), drivers.entry(1, shard=1))
        reader = self.shards(0, 1)
        self.take(reader)
        drivers.end_leases(self.db)
        self.assertTrue(self.claim(1).acquire())
        self.assertRaises(lease.LeaseLost, reader.write, self.fail)
