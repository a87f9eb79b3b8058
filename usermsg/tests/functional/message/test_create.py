# SPDX-License-Identifier: Apache-2.0
"""Recording messages."""

import dataclasses
import datetime
import logging
import types

import fixtures

from usermsg.catalogue.catalogues import volume
from usermsg.concurrency import bounded_call
from usermsg import config
from usermsg.db import models
from usermsg import exception as errors
from usermsg.message import api as message_api
from usermsg.message import defined_messages
from usermsg import rate_limit
from usermsg.tests import base
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples

# The example in the documentation of block storage.
EXAMPLE = '''
from cinder import context
from cinder.message import api as message_api
from cinder.message import defined_messages
from cinder.message import resource_types

self.message_api = message_api.API()

context = context.RequestContext()
project_id = '6c430ede-9476-4128-8838-8d3929ced223'
volume_id = 'f292cc0c-54a7-4b3b-8174-d2ff82d87008'

self.message_api.create(
    context,
    defined_messages.EventIds.UNABLE_TO_ALLOCATE,
    project_id,
    resource_type=resource_types.VOLUME,
    resource_uuid=volume_id)
'''

SECRET = 'hunter2'

# Values that are invalid as ids.
_BAD_TEXTS = ('', ' a', 'a ', 'a\n', 'a\tb', 'a\x00b', '\x7f', 'caf\xe9',
              '\u0661', '\ud800', b'bytes', 7, ['a'], {})

BAD = [
    ('event_id', {'event_id': 'VOLUME_999999'}),
    ('event_id', {'event_id': 'VOLUME_000002\n'}),
    ('event_id', {'event_id': 'volume_000002'}),
    ('event_id', {'event_id': ''}),
    ('event_id', {'event_id': ['VOLUME_000002']}),
    ('event_id', {'event_id': None}),
    ('event_id', {'action': '001'}),
    ('detail', {'detail': '003'}),
    ('exception', {'exception': ValueError()}),
    ('action', {'event_id': None, 'action': '999'}),
    ('action', {'event_id': None, 'action': 7}),
    ('action', {'event_id': None, 'action': ''}),
    ('detail', {'event_id': None, 'action': '001', 'detail': '999'}),
    ('detail', {'event_id': None, 'action': '001', 'detail': ['001']}),
    ('resource_type', {'event_id': None, 'action': '001',
                       'resource_type': None}),
    ('resource_type', {'resource_type': 'SPOON'}),
    ('resource_type', {'resource_type': ''}),
    ('resource_type', {'resource_type': ['VOLUME']}),
    ('level', {'level': 'LOUD'}),
    ('level', {'level': ''}),
    ('level', {'level': None}),
    ('level', {'level': 40}),
    ('project_id', {'project_id': None, 'context': samples.request(None)}),
    ('project_id', {'project_id': None, 'context': None}),
    ('project_id', {'project_id': 'p' * 65}),
    ('resource_uuid', {'resource_uuid': 'r' * 256}),
    ('source_id', {'source_id': 's' * 256}),
    ('source_id', {'source_id': 'notification:7'}),
    *((field, {field: text}) for text in _BAD_TEXTS
      for field in ('project_id', 'resource_uuid', 'source_id')),
]


class TestExample(databases.TestCase):

    def test_cinder_example_works_with_renamed_package(self):
        self.runtime()
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, str(self.home / 'usermsg.conf')))
        caller = types.SimpleNamespace()

        exec(EXAMPLE.replace('cinder', 'usermsg'), {'self': caller})

        page = caller.message_api.get_all(
            samples.request('6c430ede-9476-4128-8838-8d3929ced223'))
        message, = page.objects
        self.assertEqual('VOLUME_000002', message.event_id)
        self.assertEqual('ERROR', message.message_level)
        self.assertEqual('VOLUME', message.resource_type)
        self.assertEqual('f292cc0c-54a7-4b3b-8174-d2ff82d87008',
                         message.resource_uuid)
        self.assertRegex(message.request_id, '^req-')
        self.assertEqual(
            'No storage could be allocated for this volume request.',
            defined_messages.get_message_text(message.event_id))


class TestCase(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.service = self.runtime()
        self.api = message_api.API(self.service)

    def stored(self):
        return samples.stored(self.service.db)


class TestCreate(TestCase):

    def test_parameters_are_stored(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        message = samples.record(self.api, level='warn')
        after = datetime.datetime.now(datetime.timezone.utc)

        row, = self.stored()
        created_at, expires_at = row.pop('created_at'), row.pop('expires_at')
        self.assertEqual(
            {'id': message.id, 'prefix': 'VOLUME',
             'project_id': samples.PROJECT, 'user_id': 'a user',
             'request_id': samples.REQUEST, 'resource_type': 'VOLUME',
             'resource_uuid': samples.VOLUME, 'event_id': 'VOLUME_000002',
             'action_id': None, 'detail_id': None, 'message_level': 'WARN'},
            row)
        self.assertEqual(created_at.replace(tzinfo=datetime.timezone.utc),
                         message.created_at)
        self.assertTrue(before <= message.created_at <= after)
        self.assertEqual(datetime.timedelta(days=30),
                         expires_at - created_at)
        self.assertEqual(1, samples.counted(self.service, 'recorded'))

    def test_returned_message_equals_the_stored_message(self):
        created = samples.record(self.api)
        read = self.api.get(samples.request(), created.id)
        self.assertEqual(created.obj_to_primitive(), read.obj_to_primitive())

    def test_created_at_has_microseconds(self):
        created = [samples.record(self.api) for _ in range(5)]
        # A single time may have whole milliseconds by chance, but not all.
        self.assertTrue(any(one.created_at.microsecond % 1000
                            for one in created))
        self.assertEqual(
            [one.created_at for one in created],
            [one.created_at for one in self.api.get_all(
                samples.request(), sort=message_api.OLDEST_FIRST).objects])

    def test_ids_are_in_the_order_of_creation(self):
        ids = [samples.record(self.api).id for _ in range(20)]
        self.assertEqual(ids, sorted(ids))
        self.assertEqual(ids, [row['id'] for row in self.stored()])

    def test_optional_parameters_can_be_omitted(self):
        message = self.api.create(
            None, samples.EVENT, samples.PROJECT)
        row, = self.stored()
        self.assertEqual(message.id, row['id'])
        for name in ('user_id', 'request_id', 'resource_type',
                     'resource_uuid'):
            self.assertIsNone(row[name], name)

    def test_ids_of_maximum_length_are_stored(self):
        context = samples.request()
        context.user_id = 'u' * 64
        context.request_id = 'q' * 64
        message = samples.record(
            self.api, context=context, project_id='p' * 64,
            resource_uuid='r' * 255, source_id='s' * 255)
        row, = self.stored()
        self.assertEqual(message.id, row['id'])
        self.assertEqual(['p' * 64, 'u' * 64, 'q' * 64, 'r' * 255],
                         [row[name] for name in ('project_id', 'user_id',
                                                 'request_id',
                                                 'resource_uuid')])

    def test_every_printable_character_is_stored(self):
        text = ''.join(map(chr, range(0x21, 0x7f)))
        samples.record(self.api, resource_uuid=text, source_id=text)
        row, = self.stored()
        self.assertEqual(text, row['resource_uuid'])
        messages = self.api.get_all(samples.request(),
                                    {'resource_uuid': text}).objects
        self.assertEqual([row['id']], [message.id for message in messages])


class TestInput(TestCase):
    """Validation of parameters, without the database."""

    scenarios = databases.SCENARIOS[:1]

    def test_bare_event_id_is_an_alias(self):
        self.assertEqual('VOLUME_000002', samples.record(
            self.api, event_id='000002').event_id)

    def test_create_with_action_and_detail(self):
        by_entry = samples.record(
            self.api, event_id=None, action=volume.Actions.ATTACH_VOLUME,
            detail=volume.Details.NOT_ENOUGH_SPACE_FOR_IMAGE)
        by_id = samples.record(
            self.api, event_id=None, action=volume.Actions.ATTACH_VOLUME.id,
            detail=volume.Details.NOT_ENOUGH_SPACE_FOR_IMAGE.id)
        composed = samples.record(self.api, event_id=by_id.event_id)
        for message in (by_entry, by_id, composed):
            self.assertEqual('002', message.action_id)
            self.assertEqual(volume.Details.NOT_ENOUGH_SPACE_FOR_IMAGE.id,
                             message.detail_id)
            self.assertEqual(
                f'VOLUME_VOLUME_002_{message.detail_id}', message.event_id)

    def test_action_without_detail_gets_unknown_detail(self):
        message = samples.record(self.api, event_id=None, action='001')
        self.assertEqual('001', message.detail_id)

    def test_mapped_exception_takes_precedence_over_detail(self):
        class ImageTooBig(Exception):
            pass

        class MuchTooBig(ImageTooBig):
            pass

        for error, detail in ((ImageTooBig(), '007'), (MuchTooBig, '007'),
                              (KeyError(), '003'), (None, '003')):
            self.assertEqual(detail, samples.record(
                self.api, event_id=None, action='001', detail='003',
                exception=error).detail_id)

    def test_text_of_exception_is_neither_stored_nor_logged(self):
        class ImageTooBig(Exception):
            def __str__(self):
                raise AssertionError('the text of the exception is read')

            __repr__ = __str__

        for error in (ImageTooBig(SECRET), ValueError(SECRET)):
            self.assertIsNotNone(samples.record(
                self.api, event_id=None, action='001', exception=error))
        self.assertNotIn(SECRET, str(self.stored()))
        self.assertNotIn(SECRET, self.log.output)

    def test_project_defaults_to_that_of_the_context(self):
        self.assertEqual('mine', samples.record(
            self.api, project_id=None,
            context=samples.request('mine')).project_id)

    def test_invalid_ids_of_context_are_stored_as_null(self):
        context = samples.request()
        context.user_id = 'u' * 65
        context.request_id = 'req-\x00'
        message = samples.record(self.api, context=context)
        row, = self.stored()
        self.assertEqual(message.id, row['id'])
        self.assertIsNone(row['user_id'])
        self.assertIsNone(row['request_id'])

    def test_invalid_parameter_is_named_and_stores_no_message(self):
        for field, values in BAD:
            try:
                samples.record(self.api, **values)
            except errors.InvalidInput as error:
                self.assertEqual(field, error.field, values)
                self.assertIn(field, str(error), values)
                str(error).encode()  # the error can be logged and sent
            else:
                self.fail(f'{values} was accepted')
        self.assertEqual([], self.stored())
        self.assertEqual(
            [], samples.stored(self.service.db, models.source_keys))
        self.assertEqual(0, samples.counted(self.service, 'not_recorded'))


class TestRateLimit(base.TestCase):

    BURST = 1000

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        configured = self.runtime(messages={
            'record_rate': 10, 'record_burst': self.BURST,
            'record_rate_per_caller': 100,
            'record_burst_per_caller': 2 * self.BURST})
        self.now = 0
        self.service = dataclasses.replace(
            configured, rate_limit=rate_limit.RateLimit(
                configured.conf.messages, configured.metrics,
                lambda: self.now))
        self.api = message_api.API(self.service)

    def record(self, number, **values):
        """Record messages; return the number of those that are stored."""
        return sum(samples.record(self.api, **values) is not None
                   for _ in range(number))

    def test_messages_over_the_rate_are_counted_and_logged_once_a_minute(self):
        self.assertEqual(self.BURST, self.record(self.BURST + 5))
        self.assertEqual(self.BURST, len(samples.stored(self.service.db)))
        self.assertEqual(5, self.service.metrics.registry.get_sample_value(
            'usermsg_messages_rate_limited_total',
            {'interface': 'library', 'limit': 'project'}))
        self.assertEqual(0, samples.counted(self.service, 'not_recorded'))
        self.assertEqual(1, self.record(1, project_id=samples.OTHER_PROJECT))
        [line] = self.log.output.splitlines()
        self.assertIn(samples.REQUEST, line)
        self.assertIn(f' of project {samples.PROJECT} was not recorded', line)
        self.assertIn('than [messages] record_rate permits', line)
        self.assertIn('last such warning: 1.', line)
        self.assertRaises(errors.InvalidInput, samples.record, self.api,
                          event_id='VOLUME_999999')
        self.now += 60
        self.assertEqual(600, self.record(601))
        _first, line = self.log.output.splitlines()
        self.assertIn('last such warning: 5.', line)

    def test_api_objects_of_one_runtime_share_the_limit(self):
        self.assertEqual(self.BURST, self.record(self.BURST))
        other = message_api.API(self.service)
        self.assertIsNone(samples.record(other))

    def test_process_is_limited_over_all_projects(self):
        for project_id in ('red', 'blue'):
            self.assertEqual(self.BURST, self.record(
                self.BURST, project_id=project_id))
        self.assertEqual(0, self.record(1, project_id='green'))
        self.assertIn('record_rate_per_caller', self.log.output)

    def test_repetition_uses_no_token_but_needs_one(self):
        first = samples.record(self.api, source_id='a key')
        self.assertEqual(self.BURST, self.record(
            self.BURST, source_id='a key'))
        self.assertEqual(self.BURST - 1, self.record(self.BURST))
        self.assertIsNone(samples.record(self.api, source_id='a key'))
        self.now += 0.1
        for _ in range(3):
            again = samples.record(self.api, source_id='a key')
            self.assertEqual(first.id, again.id)

    def test_failed_call_uses_no_token(self):
        models.messages.drop(self.service.db.engine())
        self.assertEqual(0, self.record(20))
        models.metadata.create_all(self.service.db.engine())
        self.assertEqual(self.BURST, self.record(self.BURST))

    def test_call_without_result_in_time_uses_a_token(self):
        # Its message may be stored later.
        def run(call):
            raise bounded_call.CallTimeout('frozen')

        self.useFixture(fixtures.MockPatchObject(
            self.api._deadline, 'run', run))
        self.assertEqual(0, self.record(self.BURST))
        self.assertEqual(0, self.service.metrics.registry.get_sample_value(
            'usermsg_messages_rate_limited_total',
            {'interface': 'library', 'limit': 'project'}) or 0)
        self.record(1)
        self.assertEqual(1, samples.counted(self.service, 'rate_limited'))

    def test_record_is_not_limited(self):
        values = {'project_id': samples.PROJECT, 'event_id': samples.EVENT}
        for _ in range(2):
            self.api.record([
                self.api.new_message(values) for _ in range(self.BURST)])
        self.assertEqual(2 * self.BURST, len(samples.stored(self.service.db)))


class TestSourceId(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.service = self.runtime()
        self.api = message_api.API(self.service)
        self.first = samples.record(self.api, source_id='a key')

    def assertOnlyTheFirst(self):
        self.assertEqual([self.first.id], [
            row['id'] for row in samples.stored(self.service.db)])

    def test_same_source_id_returns_the_first_message(self):
        for values in (
                {}, {'resource_type': 'volume'}, {'event_id': '000002'},
                {'context': samples.request(global_request_id='req-' + 36 *
                                            '0')}):
            again = samples.record(self.api, source_id='a key', **values)
            self.assertEqual(self.first.obj_to_primitive(),
                             again.obj_to_primitive())
        self.assertOnlyTheFirst()
        self.assertEqual(0, samples.counted(self.service, 'not_recorded'))

    def test_source_id_with_other_content_is_logged_and_counted(self):
        others = [{'level': 'INFO'}, {'resource_uuid': 'another'},
                  {'event_id': 'VOLUME_000003'},
                  {'event_id': None, 'action': '001'}]
        for count, values in enumerate(others, start=1):
            self.assertIsNone(
                samples.record(self.api, source_id='a key', **values))
            self.assertEqual(
                count, samples.counted(self.service, 'not_recorded'))
        self.assertEqual(len(others),
                         self.log.output.count('SourceConflict'))
        self.assertIn(samples.REQUEST, self.log.output)
        self.assertOnlyTheFirst()

    def test_source_id_of_deleted_message_stores_no_message(self):
        self.api.delete(samples.request(), self.first.id)
        self.assertIsNone(samples.record(self.api, source_id='a key'))
        self.assertEqual([], samples.stored(self.service.db))
        self.assertEqual(1, samples.counted(self.service, 'not_recorded'))
        self.assertIn('SourceGone', self.log.output)

    def test_source_id_is_separate_for_each_project(self):
        other = samples.record(self.api, source_id='a key',
                               project_id=samples.OTHER_PROJECT)
        self.assertNotEqual(self.first.id, other.id)

    def test_source_id_is_case_sensitive(self):
        other = samples.record(self.api, source_id='A KEY')
        self.assertNotEqual(self.first.id, other.id)

    def test_same_content_without_source_id_is_recorded_again(self):
        self.assertNotEqual(samples.record(self.api).id,
                            samples.record(self.api).id)
