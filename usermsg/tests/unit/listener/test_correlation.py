# SPDX-License-Identifier: Apache-2.0
import dataclasses
import datetime
import itertools
import uuid

import fastjsonschema
import hypothesis
from hypothesis import strategies

from usermsg import exception
from usermsg.listener import correlation
from usermsg.listener import failure_key
from usermsg.tests import base
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import image_observations as images

START = datetime.datetime(2026, 11, 21, tzinfo=datetime.timezone.utc)
PROJECT, OTHER = 'a' * 32, 'b' * 32
#: Captures of observations.
NAMES = [name for name in captures.NAMES if images.read(name)]

PROPERTY = hypothesis.settings(
    deadline=None, database=None, derandomize=True, max_examples=200)


def at(seconds):
    return START + datetime.timedelta(seconds=seconds)


def state(resource, status, seconds, project=PROJECT, name='image-upload',
          publisher='image.host'):
    ident = f'{publisher} {resource} {status} {seconds}'
    return images.observation(
        'state', name, ident, at(seconds), publisher, resource_uuid=resource,
        status=status, failure=images.failure(
            'UPLOAD', project, resource, 'a-key', at(seconds)))


def upload(resource, seconds, project=PROJECT, start=0.5, **values):
    """Return the states of a failed upload that ends at a time."""
    return [state(resource, 'saving', seconds - start, project, **values),
            state(resource, 'queued', seconds, project, **values)]


def error(cause, seconds, resource=None, publisher='image.host'):
    return images.observation(
        'cause', 'image-upload', f'{publisher} {cause} {seconds} {resource}',
        at(seconds), publisher, cause=cause, resource_uuid=resource)


def report(key, seconds, detail=None, name='reports', status=None,
           publisher='image.host', resource='an-image'):
    return images.observation(
        'failure', name, f'{publisher} {key} {seconds}', at(seconds),
        publisher, resource_uuid=resource, status=status,
        failure=images.failure(
            'IMPORT', PROJECT, resource, key, at(seconds), detail))


def waiting(kind, key, seconds, resource='an-image', status='importing'):
    """Return a subject, or its cancellation, of a failed import."""
    return images.observation(
        kind, 'image-import', failure_key.waiting_ident(
            kind, 'image-import', key), at(seconds), resource_uuid=resource,
        status=status, failure=images.failure(
            'IMPORT', OTHER, resource, key, at(seconds)))


def task(key, seconds):
    """Return the report of a failed import that names no image."""
    return report(key, seconds, name='image-import', resource=None)


def describe(failures):
    """Return (project, resource, event id, level) of failures, sorted."""
    return sorted((item.project_id, item.resource_uuid, item.event.event_id,
                   item.level) for item in failures)


def details(result):
    """Return resource -> ids of the details."""
    by_resource = {}
    for item in result.failures:
        by_resource.setdefault(item.resource_uuid, []).append(
            item.event.detail_id)
    return by_resource


def decide(*observations, **values):
    return images.correlations().decide(observations, **values)


def move(observations, project=None, skew=0, publisher=None):
    """Return a copy of another project's, or another host's."""
    if not project and not publisher:
        return [dataclasses.replace(
            item, observed_at=item.observed_at +
            datetime.timedelta(seconds=skew)) for item in observations]
    resources = {}

    def rename(resource):
        return resource and resources.setdefault(
            resource, str(uuid.uuid5(uuid.NAMESPACE_OID,
                                     f'{resource} {project}')))

    return [dataclasses.replace(
        item, ident=str(uuid.uuid5(uuid.NAMESPACE_OID,
                                   f'{item.ident} {project}')),
        publisher_id=publisher or item.publisher_id,
        observed_at=item.observed_at + datetime.timedelta(seconds=skew),
        resource_uuid=rename(item.resource_uuid),
        failure=item.failure and dataclasses.replace(
            item.failure, project_id=project or item.failure.project_id,
            resource_uuid=rename(item.failure.resource_uuid),
            key=f'{item.failure.key} {project}'))
            for item in observations]


class TestCaptures(base.TestCase):

    def test_captures_give_expected_messages(self):
        self.assertEqual(20, len(NAMES))
        for name in NAMES:
            self.assertEqual(
                sorted((item['project_id'], item['resource_uuid'],
                        item['event_id'], item['message_level'])
                       for item in images.read_expected(name)),
                describe(decide(*images.read(name)).failures), name)

    @PROPERTY
    @hypothesis.given(strategies.data())
    def test_order_duplicates_and_skew_change_nothing(self, data):
        names = data.draw(strategies.lists(
            strategies.sampled_from(NAMES), min_size=1, unique=True))
        first = [item for name in names for item in images.read(name)]
        skew = data.draw(strategies.floats(-5, 5))
        second = move(first, project=OTHER, skew=skew, publisher='image.two')
        expected = decide(*first, *second)
        self.assertEqual(2 * len(decide(*first).failures),
                         len(expected.failures))
        observations = first + second
        repeated = data.draw(strategies.lists(
            strategies.sampled_from(observations), max_size=10))
        shuffled = data.draw(strategies.permutations(
            observations + repeated))
        result = decide(*shuffled)
        self.assertEqual(
            sorted(map(repr, expected.failures)),
            sorted(map(repr, result.failures)))
        self.assertEqual(
            describe(expected.failures),
            describe(decide(*move(shuffled, skew=skew)).failures))

    @PROPERTY
    @hypothesis.given(strategies.data())
    def test_decisions_in_parts_give_the_same_messages(self, data):
        observations = [item for name in NAMES for item in images.read(name)]
        expected = decide(*observations)
        arrival = data.draw(strategies.permutations(observations))
        # In each step some more are due; what was decided is deleted, and
        # some of it is delivered again.
        states, claimed, failures, due = {}, set(), [], set()
        stored = {item.ident: item for item in arrival}
        steps = data.draw(strategies.lists(strategies.integers(
            0, len(arrival)), max_size=4))
        for step in [*sorted(steps), len(arrival)]:
            due.update(item.ident for item in arrival[:step])
            result = decide(*stored.values(), states=states, claimed=claimed,
                            is_due=lambda item: item.ident in due)
            failures += result.failures
            states.update(result.states)
            claimed |= result.claimed
            for ident in result.decided:
                del stored[ident]
            for item in data.draw(strategies.lists(
                    strategies.sampled_from(arrival), max_size=5)):
                if item.kind == 'state':
                    stored[item.ident] = item
        self.assertEqual(
            sorted((item.project_id, item.key, item.event.event_id)
                   for item in expected.failures),
            sorted((item.project_id, item.key, item.event.event_id)
                   for item in failures))


class TestTransitions(base.TestCase):

    def test_upload_without_error_gives_no_message(self):
        result = decide(*upload('one', 1))
        self.assertEqual([], result.failures)
        self.assertEqual({('image-upload', 'unproven'): 1}, result.counts)

    def test_error_without_state_gives_no_message(self):
        self.assertEqual([], decide(
            error('STORE_FULL', 1), error('OVER_QUOTA', 1, 'one'),
            state('one', 'saving', 0.5),
            state('one', 'deleted', 1.1)).failures)

    def test_error_outside_of_upload_is_no_cause(self):
        for seconds, publisher in (
                (-1, 'image.host'), (1.1, 'image.host'), (0.9, 'image.two')):
            self.assertEqual([], decide(
                *upload('one', 1), error('STORE_FULL', seconds,
                                         publisher=publisher)).failures)
        self.assertEqual([], decide(
            *upload('one', 10, start=9), error('STORE_FULL', 7.9)).failures)

    def test_failed_staging_needs_no_error_and_uses_none(self):
        result = decide(state('one', 'uploading', 0, name='image-staging'),
                        state('one', 'queued', 1, name='image-staging'),
                        *upload('two', 1), error('STORE_FULL', 0.9))
        self.assertEqual(
            [(PROJECT, 'one', 'IMAGE_IMAGE_009_001', 'ERROR'),
             (PROJECT, 'two', 'IMAGE_IMAGE_003_002', 'ERROR')],
            describe(result.failures))

    def test_same_cause_is_reported_to_all(self):
        result = decide(
            *upload('one', 1), *upload('two', 1.01, OTHER),
            error('STORE_FULL', 0.9), error('STORE_FULL', 0.95))
        self.assertEqual({'one': ['002'], 'two': ['002']}, details(result))
        self.assertEqual({('image-upload', 'correlated'): 2}, result.counts)

    def test_different_causes_are_unknown(self):
        result = decide(
            *upload('one', 1), *upload('two', 1.01, OTHER),
            error('STORE_FULL', 0.9), error('STORE_UNAVAILABLE', 0.95))
        self.assertEqual({'one': ['001'], 'two': ['001']}, details(result))
        self.assertEqual({('image-upload', 'ambiguous'): 2}, result.counts)

    def test_named_cause_is_reported_to_its_image_only(self):
        result = decide(
            *upload('one', 1), *upload('two', 1.01, OTHER),
            *upload('three', 1.02, OTHER),
            error('STORE_FULL', 0.9), error('OVER_QUOTA', 0.95, 'two'))
        self.assertEqual({'one': ['002'], 'two': ['003'], 'three': ['002']},
                         details(result))

    def test_specific_error_of_image_replaces_unknown_one(self):
        self.assertEqual({'one': ['003']}, details(decide(
            *upload('one', 1), error('OVER_QUOTA', 0.8, 'one'),
            error('UNKNOWN_ERROR', 0.9, 'one'))))

    def test_error_before_repeated_state_is_a_cause(self):
        self.assertEqual({'one': ['002']}, details(decide(
            *upload('one', 1), error('STORE_FULL', 0.8),
            state('one', 'saving', 0.9))))

    def test_image_that_fails_twice_has_two_messages(self):
        result = decide(
            *upload('one', 1), *upload('one', 2),
            error('STORE_FULL', 0.9), error('STORE_READ_ONLY', 1.9))
        self.assertEqual({'one': ['002', '005']}, details(result))

    def test_state_is_reported_once_each_time_it_is_entered(self):
        statuses = ['binding_failed', 'binding_failed', 'ovs',
                    'binding_failed', 'binding_failed', 'unbound']
        observations = [state('port', status, seconds, name='port-binding',
                              publisher=f'network.{seconds % 2}')
                        for seconds, status in enumerate(statuses)]
        expected = [observations[0].ident, observations[3].ident]
        self.assertEqual(expected, [
            item.key for item in decide(*reversed(observations)).failures])
        states, keys = {}, []
        for item in observations + observations:
            result = decide(item, states=states)
            states.update(result.states)
            keys += [failure.key for failure in result.failures]
        self.assertEqual(expected, keys)

    def test_states_without_later_use_are_not_kept(self):
        self.assertEqual({}, decide(
            state('port', 'ovs', 1, name='port-binding')).states)

    def test_unlisted_status_is_not_kept(self):
        [kept] = decide(state('one', '/a/path', 1)).states.values()
        self.assertEqual(correlation.OTHER, kept.status)

    def test_decision_waits_for_older_states_of_resource(self):
        saving, queued = upload('one', 1)
        cause = error('STORE_FULL', 0.9)
        result = decide(saving, queued, cause,
                        is_due=lambda item: item is not saving)
        self.assertEqual(([], set()), (result.failures, result.decided))
        result = decide(saving, queued, cause,
                        is_due=lambda item: item is saving)
        self.assertEqual(([], {saving.ident}),
                         (result.failures, result.decided))
        result = decide(queued, cause, states=result.states)
        self.assertEqual({'one': ['002']}, details(result))


class TestReports(base.TestCase):

    def test_most_specific_cause_is_reported_in_any_order(self):
        reports = [report('key', 1, publisher='one'),
                   report('key', 2, 'STORE_UNAVAILABLE'),
                   report('key', 3, 'TIMED_OUT', publisher='two')]
        for order in itertools.permutations(reports):
            self.assertEqual(
                {'an-image': ['038']}, details(decide(*order)))

    def test_reports_with_other_keys_are_other_failures(self):
        self.assertEqual({'an-image': ['001', '002']}, details(decide(
            report('one', 1), report('two', 2, 'STORE_FULL'))))

    def test_late_report_has_the_same_key(self):
        keys = [item.key for seconds in (1, 100) for item in decide(
            report('task', seconds, name='image-import')).failures]
        self.assertEqual(['task', 'task'], keys)

    def test_import_into_one_of_two_stores_is_info(self):
        [item] = decide(
            report('task', 1, name='image-import', status='importing'),
            report('task', 2, name='image-import', status='active')).failures
        self.assertEqual('INFO', item.level)

    def test_report_without_resource_has_that_of_its_subject(self):
        [item] = decide(waiting('subject', 'task', 1), task('task', 900),
                        error('STORE_FULL', 899.9)).failures
        self.assertEqual(
            (OTHER, 'an-image', 'ERROR', 'IMAGE_IMAGE_002_002', at(900)),
            (item.project_id, item.resource_uuid, item.level,
             item.event.event_id, item.occurred_at))

    def test_report_without_resource_and_subject_gives_no_message(self):
        for others in ([], [waiting('subject', 'other', 1)]):
            result = decide(task('task', 2), *others)
            self.assertEqual([], result.failures)
            self.assertEqual({('image-import', 'unproven'): 1},
                             result.counts)

    def test_subject_without_report_waits(self):
        for kind in correlation.WAITING:
            result = decide(waiting(kind, 'task', 1))
            self.assertEqual(([], set(), {}), (
                result.failures, result.decided, result.counts))

    def test_subject_is_decided_with_its_report(self):
        subject, failed = waiting('subject', 'task', 1), task('task', 2)
        for other in (failed, report('task', 2, name='image-import')):
            result = decide(subject, other,
                            is_due=lambda item: item is not subject)
            self.assertEqual({subject.ident, other.ident}, result.decided)
            self.assertEqual(1, len(result.failures))
        self.assertEqual(set(), decide(
            subject, failed, is_due=lambda item: item is subject).decided)

    def test_report_with_resource_takes_precedence_over_subject(self):
        observations = [
            waiting('subject', 'task', 0), task('task', 1),
            report('task', 2, name='image-import', resource='another')]
        for order in itertools.permutations(observations):
            [item] = decide(*order).failures
            self.assertEqual('another', item.resource_uuid)

    def test_cancelled_report_gives_no_message(self):
        observations = [
            waiting('subject', 'task', 0), task('task', 2),
            waiting('cancel', 'task', 1)]
        for order in itertools.permutations(observations):
            result = decide(*order)
            self.assertEqual([], result.failures)
            self.assertEqual({item.ident for item in observations},
                             result.decided)

    def test_subject_of_active_image_is_info(self):
        [item] = decide(waiting('subject', 'task', 1, status='active'),
                        task('task', 2)).failures
        self.assertEqual('INFO', item.level)

    def test_import_has_cause_beside_it(self):
        for cause in (error('STORE_FULL', 0.9),
                      error('STORE_FULL', 0.9, 'an-image')):
            self.assertEqual({'an-image': ['002']}, details(decide(
                cause, report('task', 1, name='image-import'))))

    def test_import_does_not_use_the_error_of_an_upload(self):
        imported = report('task', 1, name='image-import')
        cause = error('STORE_FULL', 0.9)
        observations = [imported, *upload('two', 1.1, OTHER), cause]
        expected = {'an-image': ['001'], 'two': ['002']}
        self.assertEqual(expected, details(decide(*observations)))
        # Nor if the upload is decided earlier.
        first = decide(*observations, is_due=lambda item: item is not
                       imported)
        self.assertEqual({cause.ident}, first.claimed)
        self.assertEqual({'an-image': ['001']}, details(decide(
            imported, cause, states=first.states, claimed=first.claimed)))
        # With an error of its own it has that.
        self.assertEqual({'an-image': ['002'], 'two': ['002']}, details(
            decide(*observations, error('STORE_FULL', 0.95))))


class TestDeclaration(base.TestCase):

    def parse(self, **values):
        return correlation.Correlation.from_mapping({
            'name': 'a-name', **values})

    def test_invalid_declarations_do_not_match_schema(self):
        validate = fastjsonschema.compile(correlation.SCHEMA)
        validate({'name': 'x', 'kind': 'transition',
                  'transitions': [{'to': ['x']}]})
        for values in ({'kind': 'other'}, {'more': 1}, {'name': 'A name'},
                       {'window': 0}, {'transitions': []},
                       {'transitions': [{'from': ['x']}]}):
            self.assertRaises(
                fastjsonschema.JsonSchemaValueException, validate,
                {'name': 'x', 'kind': 'transition',
                 'transitions': [{'to': ['x']}], **values})

    def test_key_of_another_kind_raises(self):
        for field, values in (
                ('succeeded', {'kind': 'transition', 'succeeded': ['x']}),
                ('transitions', {'kind': 'transition'}),
                ('transitions', {'kind': 'failure',
                                 'transitions': [{'to': ['x']}]})):
            raised = self.assertRaises(
                exception.InvalidInput, self.parse, **values)
            self.assertEqual(field, raised.field)

    def test_duplicate_name_and_missing_correlation_raise(self):
        for field, items in (
                ('name', [self.parse(kind='failure')] * 2),
                ('causes_of', [self.parse(kind='failure',
                                          causes_of='missing')])):
            raised = self.assertRaises(
                exception.InvalidInput, correlation.Correlations, items,
                images.CATALOGUE, datetime.timedelta(seconds=2))
            self.assertEqual(field, raised.field)

    def test_window_of_correlation_replaces_default(self):
        item = self.parse(
            kind='transition', window=9,
            transitions=[{'from': ['saving'], 'to': ['queued'],
                          'cause': 'required'}])
        item = dataclasses.replace(item, name='image-upload',
                                   causes_of='image-upload')
        result = correlation.Correlations(
            [item], images.CATALOGUE, datetime.timedelta(seconds=2)).decide(
            [*upload('one', 10, start=10), error('STORE_FULL', 2)])
        self.assertEqual({'one': ['002']}, details(result))
