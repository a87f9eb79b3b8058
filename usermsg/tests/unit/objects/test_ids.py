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
# The maximum leaves room for later microseconds.
TIMES = strategies.datetimes(
    min_value=datetime.datetime(1970, 1, 1),
    max_value=datetime.datetime.max - 2000 * MICROSECOND,
    timezones=strategies.just(UTC))
NEAR = strategies.integers(0, 2000).map(lambda n: n * MICROSECOND)


class IdsTest(testtools.TestCase):

    @hypothesis.given(TIMES)
    def test_mint_sets_version_and_variant_of_rfc_9562(self, when):
        message_id = uuid.UUID(ids.mint(when))
        self.assertEqual(7, message_id.version)
        self.assertEqual(uuid.RFC_4122, message_id.variant)
        milliseconds = (when - EPOCH) // datetime.timedelta(milliseconds=1)
        self.assertEqual(milliseconds, message_id.int >> 80)

    @hypothesis.given(TIMES)
    def test_ids_and_bounds_pass_validation(self, when):
        for position in (ids.mint(when), ids.lower_bound(when)):
            self.assertEqual(position, validation.uuid('id', position))

    @hypothesis.given(TIMES, TIMES)
    def test_ids_are_in_order_of_their_times(self, one, other):
        hypothesis.assume(one != other)
        self.assertEqual(one < other, ids.mint(one) < ids.mint(other))
        self.assertEqual(one < other,
                         ids.lower_bound(one) < ids.lower_bound(other))

    @hypothesis.given(TIMES, NEAR, NEAR)
    def test_ids_are_in_order_to_the_microsecond(self, when, a, b):
        hypothesis.assume(a != b)
        self.assertEqual(a < b, ids.mint(when + a) < ids.mint(when + b))

    @hypothesis.given(TIMES)
    def test_id_is_between_bounds_of_its_microsecond(self, when):
        message_id = ids.mint(when)
        self.assertLessEqual(ids.lower_bound(when), message_id)
        self.assertLess(message_id, ids.lower_bound(when + MICROSECOND))

    def test_bounds_of_consecutive_microseconds_differ(self):
        bounds = [ids.lower_bound(EPOCH + n * MICROSECOND)
                  for n in range(2001)]
        self.assertEqual(sorted(set(bounds)), bounds)

    def test_ids_of_one_microsecond_differ(self):
        self.assertEqual(1000, len({ids.mint(EPOCH) for _ in range(1000)}))

    def test_lower_bound_is_independent_of_time_zone(self):
        zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        when = datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)
        self.assertEqual(ids.lower_bound(when),
                         ids.lower_bound(when.astimezone(zone)))

    def test_lower_bound_matches_example_of_rfc_9562(self):
        # The example of RFC 9562, A.6: 2022-02-22T19:22:22Z.
        when = datetime.datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
        self.assertEqual('017f22e2-79b0-7000-0000-000000000000',
                         ids.lower_bound(when))

    def test_lower_bound_contains_fraction_of_the_millisecond(self):
        # RFC 9562, 6.2, method 3: half a millisecond is half of 4096.
        when = datetime.datetime(2022, 2, 22, 19, 22, 22, 500, tzinfo=UTC)
        self.assertEqual('017f22e2-79b0-7800-0000-000000000000',
                         ids.lower_bound(when))

    def test_lower_bound_before_1970_precedes_all_ids(self):
        beginning = datetime.datetime.min.replace(tzinfo=UTC)
        self.assertEqual(ids.lower_bound(EPOCH), ids.lower_bound(beginning))
        self.assertLess(ids.lower_bound(beginning), ids.mint(EPOCH))

    def test_lower_bound_of_last_microsecond_follows_earlier_ids(self):
        self.assertLess(ids.mint(LAST - MICROSECOND), ids.lower_bound(LAST))


class DeriveTest(testtools.TestCase):

    @hypothesis.given(TIMES, strategies.text(max_size=40))
    def test_derive_is_deterministic_within_its_time(self, when, old_id):
        new_id = ids.derive(when, old_id)
        self.assertEqual(new_id, ids.derive(when, old_id))
        self.assertEqual(7, uuid.UUID(new_id).version)
        self.assertEqual(uuid.RFC_4122, uuid.UUID(new_id).variant)
        self.assertLessEqual(ids.lower_bound(when), new_id)
        self.assertLess(new_id, ids.lower_bound(when + MICROSECOND))

    @hypothesis.given(TIMES, strategies.lists(
        strategies.uuids(version=4).map(str), min_size=2,
        unique_by=lambda old_id: uuid.UUID(old_id).int >> 98))
    def test_derive_keeps_order_of_random_uuids(self, when, old_ids):
        self.assertEqual(
            [ids.derive(when, old_id) for old_id in sorted(old_ids)],
            sorted(ids.derive(when, old_id) for old_id in old_ids))

    def test_derive_from_sequential_uuids_gives_different_ids(self):
        old_ids = [str(uuid.UUID(int=number)) for number in range(1000)]
        old_ids += [str(uuid.UUID(int=number << 64)) for number in
                    range(1, 1000)]
        self.assertEqual(len(old_ids), len(
            {ids.derive(EPOCH, old_id) for old_id in old_ids}))

    def test_derive_from_other_identifiers_gives_different_ids(self):
        names = ['', 'a', 'b', '17', str(uuid.uuid4()).upper(),
                 uuid.uuid4().hex]
        self.assertEqual(len(names), len(
            {ids.derive(EPOCH, name) for name in names}))
