# SPDX-License-Identifier: Apache-2.0
import datetime
import uuid

import hypothesis
from hypothesis import strategies
import testtools

from usermsg.objects import ids
from usermsg import validation

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = datetime.timedelta(microseconds=1)
LAST = datetime.datetime.max.replace(tzinfo=UTC)
# With room for one microsecond more.
TIMES = strategies.datetimes(
    min_value=datetime.datetime(1970, 1, 1),
    max_value=datetime.datetime.max - 2000 * MICROSECOND,
    timezones=strategies.just(UTC))
NEAR = strategies.integers(0, 2000).map(lambda n: n * MICROSECOND)


class IdsTest(testtools.TestCase):

    @hypothesis.given(TIMES)
    def test_the_version_and_the_variant_are_those_of_rfc_9562(self, when):
        found = uuid.UUID(ids.mint(when))
        self.assertEqual(7, found.version)
        self.assertEqual(uuid.RFC_4122, found.variant)
        milliseconds = (when - EPOCH) // datetime.timedelta(milliseconds=1)
        self.assertEqual(milliseconds, found.int >> 80)

    @hypothesis.given(TIMES)
    def test_an_id_is_one_that_the_edge_accepts(self, when):
        for found in (ids.mint(when), ids.lower_bound(when)):
            self.assertEqual(found, validation.uuid('id', found))

    @hypothesis.given(TIMES, TIMES)
    def test_the_order_of_ids_is_the_order_of_times(self, one, other):
        hypothesis.assume(one != other)
        self.assertEqual(one < other, ids.mint(one) < ids.mint(other))
        self.assertEqual(one < other, ids.lower_bound(one) < ids.lower_bound(other))

    @hypothesis.given(TIMES, NEAR, NEAR)
    def test_the_order_is_right_to_the_microsecond(self, when, a, b):
        hypothesis.assume(a != b)
        self.assertEqual(a < b, ids.mint(when + a) < ids.mint(when + b))

    @hypothesis.given(TIMES)
    def test_a_time_is_a_range_of_ids(self, when):
        found = ids.mint(when)
        self.assertLessEqual(ids.lower_bound(when), found)
        self.assertLess(found, ids.lower_bound(when + MICROSECOND))

    def test_every_microsecond_of_a_millisecond_is_a_range_of_its_own(self):
        firsts = [ids.lower_bound(EPOCH + n * MICROSECOND) for n in range(2001)]
        self.assertEqual(sorted(set(firsts)), firsts)

    def test_ids_of_one_moment_differ(self):
        self.assertEqual(1000, len({ids.mint(EPOCH) for _ in range(1000)}))

    def test_the_zone_makes_no_difference(self):
        zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        when = datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)
        self.assertEqual(ids.lower_bound(when), ids.lower_bound(when.astimezone(zone)))

    def test_a_known_value(self):
        # The example of RFC 9562, A.6: 2022-02-22T19:22:22Z.
        when = datetime.datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
        self.assertEqual('017f22e2-79b0-7000-0000-000000000000',
                         ids.lower_bound(when))

    def test_microseconds_are_a_fraction_of_the_millisecond(self):
        # RFC 9562, 6.2, method 3: half a millisecond is half of 4096.
        when = datetime.datetime(2022, 2, 22, 19, 22, 22, 500, tzinfo=UTC)
        self.assertEqual('017f22e2-79b0-7800-0000-000000000000',
                         ids.lower_bound(when))

    def test_before_1970_all_is_one_position_before_every_id(self):
        beginning = datetime.datetime.min.replace(tzinfo=UTC)
        self.assertEqual(ids.lower_bound(EPOCH), ids.lower_bound(beginning))
        self.assertLess(ids.lower_bound(beginning), ids.mint(EPOCH))

    def test_the_last_moment_is_behind_every_other(self):
        self.assertLess(ids.mint(LAST - MICROSECOND), ids.lower_bound(LAST))


class DeriveTest(testtools.TestCase):

    @hypothesis.given(TIMES, strategies.text(max_size=40))
    def test_it_is_always_the_same_and_within_its_time(self, when, old_id):
        found = ids.derive(when, old_id)
        self.assertEqual(found, ids.derive(when, old_id))
        self.assertEqual(7, uuid.UUID(found).version)
        self.assertEqual(uuid.RFC_4122, uuid.UUID(found).variant)
        self.assertLessEqual(ids.lower_bound(when), found)
        self.assertLess(found, ids.lower_bound(when + MICROSECOND))

    @hypothesis.given(TIMES, strategies.lists(
        strategies.uuids(version=4).map(str), min_size=2,
        unique_by=lambda old_id: uuid.UUID(old_id).int >> 98))
    def test_one_moment_keeps_the_order_of_old_uuids(self, when, old_ids):
        self.assertEqual(
            [ids.derive(when, old_id) for old_id in sorted(old_ids)],
            sorted(ids.derive(when, old_id) for old_id in old_ids))

    def test_old_ids_that_count_differ(self):
        old_ids = [str(uuid.UUID(int=number)) for number in range(1000)]
        old_ids += [str(uuid.UUID(int=number << 64)) for number in
                    range(1, 1000)]
        self.assertEqual(len(old_ids), len(
            {ids.derive(EPOCH, old_id) for old_id in old_ids}))

    def test_other_old_ids_differ_too(self):
        names = ['', 'a', 'b', '17', str(uuid.uuid4()).upper(),
                 uuid.uuid4().hex]
        self.assertEqual(len(names), len(
            {ids.derive(EPOCH, name) for name in names}))
