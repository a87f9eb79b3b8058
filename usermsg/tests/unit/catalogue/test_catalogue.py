# SPDX-License-Identifier: Apache-2.0
import dataclasses
import fnmatch
import http.client
import itertools
import pathlib
import sqlite3
import ssl
import subprocess
import unicodedata

import fixtures
import hypothesis
from hypothesis import strategies
import oslo_db.exception
from oslo_messaging.rpc import client as rpc_client
import psycopg2
import pymysql.err
import sqlalchemy.exc
import testtools
from testtools import matchers
import yaml

from usermsg.catalogue import catalogue
from usermsg.catalogue.catalogues import compute
from usermsg.catalogue.catalogues import image
from usermsg.catalogue.catalogues import share
from usermsg.catalogue.catalogues import volume
from usermsg.catalogue import entries
from usermsg.catalogue import loader
from usermsg.catalogue import resource_types
from usermsg import exception
from usermsg.message import defined_messages
from usermsg.tests import base
from usermsg.tests.fixtures import robots
from usermsg import yamlfile

VOLUME_CATALOGUE = base.DATA / 'volume_catalogue.yaml'
PREFIXES = ('VOLUME', 'IMAGE', 'SHARE', 'COMPUTE', 'ORCHESTRATION',
            'CONTAINER_INFRA', 'DATABASE', 'BAREMETAL', 'NETWORK', 'DNS')


class Unmapped(Exception):
    pass


def exception_of(module, name):
    return type(name, (Exception,), {'__module__': module})


class ResolveTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.catalogue = loader.built_in()

    def refused(self, field, **parameters):
        error = self.assertRaises(exception.NotPermitted,
                                  self.catalogue.resolve, **parameters)
        self.assertEqual(field, error.field)
        self.assertThat(str(error), matchers.StartsWith(f'{field}: '))
        return str(error)

    def test_whole_event_is_resolved(self):
        self.assertEqual(
            catalogue.ResolvedEvent('VOLUME_000002', 'VOLUME', None),
            self.catalogue.resolve(event_id='VOLUME_000002'))

    def test_bare_event_id_gets_volume_prefix(self):
        self.assertEqual(
            catalogue.ResolvedEvent('VOLUME_000002', 'VOLUME', 'VOLUME'),
            self.catalogue.resolve(event_id='000002',
                                   resource_type='VOLUME'))

    def test_composed_event_is_resolved(self):
        expected = catalogue.ResolvedEvent(
            'VOLUME_VOLUME_BACKUP_013_019', 'VOLUME', 'VOLUME_BACKUP', '013',
            '019')
        for resource_type in (None, 'VOLUME_BACKUP', 'volume_backup'):
            self.assertEqual(expected, self.catalogue.resolve(
                event_id='VOLUME_VOLUME_BACKUP_013_019',
                resource_type=resource_type))

    def test_composed_event_with_other_resource_type_is_refused(self):
        text = self.refused(
            'resource_type', event_id='VOLUME_VOLUME_BACKUP_013_019',
            resource_type='VOLUME')
        self.assertIn('VOLUME_BACKUP', text)

    def test_action_and_detail_by_entry_id_or_constant(self):
        actions = (volume.Actions.ATTACH_VOLUME, '002', 'ATTACH_VOLUME',
                   'attach_volume', 'Attach_Volume')
        details = (volume.Details.ATTACH_ERROR, '021', 'ATTACH_ERROR',
                   'attach_error')
        for action, detail in itertools.product(actions, details):
            self.assertEqual(
                catalogue.ResolvedEvent('VOLUME_VOLUME_002_021', 'VOLUME',
                                        'VOLUME', '002', '021'),
                self.catalogue.resolve(action=action, detail=detail,
                                       resource_type='VOLUME'))

    def test_action_without_detail_gets_unknown_detail(self):
        self.assertEqual(
            'VOLUME_VOLUME_002_001',
            self.catalogue.resolve(action='002',
                                   resource_type='VOLUME').event_id)

    def test_reworded_entry_is_resolved(self):
        path = self.write('overlay/a.yaml', '''
            prefixes:
              VOLUME:
                actions: {'002': {text: fasten volume}}
                details: {'021': {text: It did not hold.}}
            ''')
        reworded = loader.load(pathlib.Path(path).parent)
        event = reworded.resolve(action=volume.Actions.ATTACH_VOLUME,
                                 detail=volume.Details.ATTACH_ERROR,
                                 resource_type='VOLUME')
        self.assertEqual('fasten volume: It did not hold.',
                         reworded.describe(event.event_id).user_message)

    def test_resource_type_is_case_insensitive(self):
        for resource_type in ('VOLUME', 'volume', 'Volume'):
            for name, value in (('event_id', 'VOLUME_000002'),
                                ('action', '002')):
                self.assertEqual('VOLUME', self.catalogue.resolve(
                    resource_type=resource_type,
                    **{name: value}).resource_type)

    def test_equal_action_ids_are_resolved_by_resource_type(self):
        self.assertEqual('SHARE_SHARE_SNAPSHOT_002_001',
                         self.catalogue.resolve(
                             action='002',
                             resource_type='SHARE_SNAPSHOT').event_id)

    def test_exactly_one_of_event_id_and_action_is_required(self):
        self.refused('event_id')
        self.refused('event_id', resource_type='VOLUME')
        self.refused('event_id', event_id='VOLUME_000002', action='002',
                     resource_type='VOLUME')

    def test_detail_and_exception_require_action(self):
        self.refused('detail', event_id='VOLUME_000002', detail='001')
        self.refused('exception', event_id='VOLUME_000002',
                     exception=ValueError())
        self.refused('detail', event_id='VOLUME_VOLUME_002_021',
                     detail='021')

    def test_action_requires_resource_type(self):
        self.refused('resource_type', action='002')

    def test_unknown_ids_are_refused(self):
        for event_id in ('', 'VOLUME', 'VOLUME_', 'VOLUME_999999',
                         'VOLUME_2', 'volume_000002', '999999', '00002',
                         'VOLUME_000002\n', ' VOLUME_000002', 'ACME_000002',
                         'IMAGE_000002', 'VOLUME_VOLUME_002',
                         'VOLUME_VOLUME_002_999', 'VOLUME_VOLUME_999_001',
                         'VOLUME_SHARE_002_001', 'VOLUME__002_001',
                         'VOLUME_002_001', '\u0660\u0660\u0660\u0660\u0660'
                         '\u0662', 2, b'VOLUME_000002', ['VOLUME_000002']):
            text = self.refused('event_id', event_id=event_id)
            self.assertIn('not in the catalogue', text)
        for action in ('', '999', '2', 'ATTACH', 'attach volume', 2, [],
                       volume.Details.ATTACH_ERROR):
            text = self.refused('action', action=action,
                                resource_type='VOLUME')
            self.assertIn('VOLUME', text)
        for detail in ('', '999', 'NOPE', 3, {},
                       volume.Actions.REIMAGE_VOLUME):
            self.refused('detail', action='002', detail=detail,
                         resource_type='VOLUME')
        for resource_type in ('', 'VOLUMES', 'VOLUME ', 'ROBOT', 5, b'VOLUME'):
            for name, value in (('event_id', 'VOLUME_000002'),
                                ('action', '002')):
                self.refused('resource_type', resource_type=resource_type,
                             **{name: value})

    def test_entry_of_other_prefix_with_same_id_is_refused(self):
        for entry in (compute.Actions.DELETE, image.Actions.UPLOAD,
                      share.Actions.CREATE):
            self.refused('action', action=entry, resource_type='VOLUME')
        for entry in (compute.Details.NO_VALID_HOST,
                      share.Details.NO_VALID_HOST):
            self.refused('detail', action='002', detail=entry,
                         resource_type='VOLUME')

    def test_resource_type_of_other_prefix_is_refused(self):
        self.refused('action', action=volume.Actions.ATTACH_VOLUME,
                     resource_type='SHARE')
        self.refused('action', action=volume.Actions.ATTACH_VOLUME,
                     resource_type='IMAGE')

    def test_error_quotes_a_shortened_value(self):
        self.assertIn("'robot'", self.refused('action', action='robot',
                                              resource_type='VOLUME'))
        text = self.refused('event_id', event_id='x' * 10000 + '\n')
        self.assertLess(len(text), 150)
        self.assertNotIn('\n', text)

    def test_error_omits_text_of_exception_passed_as_detail(self):
        text = self.refused('detail', action='002', resource_type='VOLUME',
                            detail=ValueError('password=s3cret'))
        self.assertNotIn('s3cret', text)
        self.assertIn('ValueError', text)

    @hypothesis.given(strategies.data())
    def test_arbitrary_values_raise_only_not_permitted(self, data):
        names = data.draw(strategies.sampled_from(
            [('event_id',), ('action',), ('event_id', 'action')]))
        names += ('detail', 'exception', 'resource_type')
        arguments = {name: data.draw(JUNK, label=name)() for name in names}
        try:
            event = self.catalogue.resolve(**arguments)
        except exception.NotPermitted as error:
            self.assertIn(error.field, [*arguments, 'event_id'])
        else:
            self.assertEqual(catalogue.ResolvedEvent, type(event))


class Hostile:
    """Value whose special methods raise an error."""

    def __repr__(self):
        raise RuntimeError('the value must not be inspected')
    __str__ = __eq__ = __hash__ = __bool__ = __repr__


# Wrapped in functions, because hypothesis inspects the drawn values.
JUNK = strategies.one_of(
    strategies.sampled_from([
        lambda value=value: value for value in (
            None, Hostile(), Hostile, ValueError('x'), ValueError, object(),
            volume.Actions.ATTACH_VOLUME, volume.Details.ATTACH_ERROR,
            volume.Events.UNABLE_TO_ALLOCATE, 'VOLUME', 'VOLUME_000002',
            'VOLUME_VOLUME_002_021', '000002', '001',
            entries.Action('001', 'x'), entries.Detail('001', 'x'))]),
    strategies.one_of(
        strategies.text(strategies.characters()), strategies.integers(),
        strategies.floats(), strategies.binary(),
        strategies.lists(strategies.text()),
        strategies.dictionaries(strategies.text(), strategies.integers()),
    ).map(lambda value: lambda: value))


class ExceptionTest(base.TestCase):

    def test_exceptions_of_libraries_are_not_mapped(self):
        # Their class names are common: a failed query must not be reported as
        # a failed hypervisor.
        modules = (sqlalchemy.exc, oslo_db.exception, pymysql.err, psycopg2,
                   sqlite3, ssl, http.client, subprocess)
        for namespace in loader.built_in().namespaces.values():
            for module in modules:
                for error in vars(module).values():
                    if (isinstance(error, type) and
                            issubclass(error, Exception) and
                            not issubclass(error, TimeoutError)):
                        self.assertIsNone(namespace.find_detail(error), error)

    def test_exception_of_another_process_is_found_by_its_class(self):
        namespace = loader.built_in().namespaces['VOLUME']
        local = exception_of('cinder.exception', 'NoValidBackend')
        detail = namespace.find_detail(local)
        self.assertIsNotNone(detail)
        remote = type('NoValidBackend_Remote', (Exception,), {
            '__module__': 'cinder.exception_Remote'})
        for error in (
                remote, remote(),
                rpc_client.RemoteError('NoValidBackend', 'a text'),
                rpc_client.RemoteError('NoValidBackend_Remote')):
            self.assertEqual(detail, namespace.find_detail(error), error)
        for name in (None, 5, 'Unmapped'):
            self.assertIsNone(
                namespace.find_detail(rpc_client.RemoteError(name)), name)

    def test_exception_without_a_detail_has_that_of_its_cause(self):
        namespace = loader.built_in().namespaces['VOLUME']
        local = exception_of('cinder.exception', 'NoValidBackend')
        inner, outer, last = local(), ValueError(), OSError()
        outer.__cause__, last.__cause__ = inner, outer
        detail = namespace.find_detail(local)
        self.assertEqual(detail, namespace.find_detail(last))
        # An exception that was only handled meanwhile isn't the cause.
        handled = ValueError()
        handled.__context__ = inner
        self.assertIsNone(namespace.find_detail(handled))
        cycle, other = ValueError(), ValueError()
        cycle.__cause__, other.__cause__ = other, cycle
        self.assertIsNone(namespace.find_detail(cycle))

    def test_value_that_is_no_exception_is_refused(self):
        for value in (5, 'TimeoutError', (ValueError,)):
            error = self.assertRaises(
                exception.NotPermitted, loader.built_in().resolve,
                action='CREATE', resource_type='IMAGE', exception=value)
            self.assertEqual('exception: must be an exception or its class.',
                             str(error))

    def setUp(self):
        super().setUp()
        self.catalogue = catalogue.Catalogue([robots.acme()])

    def detail(self, error, detail=None):
        return self.catalogue.resolve(
            action=robots.RobotActions.START, detail=detail, exception=error,
            resource_type='ROBOT').detail_id

    def test_exception_is_mapped_by_class_name(self):
        self.assertEqual('002', self.detail(robots.PowerFailure('dark')))

    def test_exception_class_is_mapped_like_an_instance(self):
        self.assertEqual('002', self.detail(robots.PowerFailure))

    def test_exception_is_mapped_by_name_of_base_class(self):
        self.assertEqual('002', self.detail(robots.FlatBattery()))

    def test_nearest_class_takes_precedence(self):
        self.assertEqual('003', self.detail(robots.Stuck()))

    def test_exception_is_mapped_by_module_and_name(self):
        self.assertEqual('002', self.detail(
            exception_of('robots.errors', 'Empty')()))

    def test_same_name_in_other_module_is_not_mapped(self):
        self.assertEqual('001', self.detail(
            exception_of('queue', 'Empty')()))

    def test_qualified_name_takes_precedence_over_bare_name(self):
        class Details:
            UNKNOWN_ERROR = entries.Detail('001', 'The cause is not known.')
            BARE = entries.Detail('002', 'Bare.', exceptions=('Empty',))
            QUALIFIED = entries.Detail('003', 'Qualified.',
                                       exceptions=('robots.errors.Empty',))
        self.catalogue = catalogue.Catalogue([robots.acme(details=Details)])
        self.assertEqual('003', self.detail(
            exception_of('robots.errors', 'Empty')()))
        self.assertEqual('002', self.detail(exception_of('queue', 'Empty')))

    def test_mapped_exception_takes_precedence_over_detail(self):
        self.assertEqual(
            '002', self.detail(robots.PowerFailure(), detail='003'))

    def test_unmapped_exception_keeps_the_detail(self):
        self.assertEqual('003', self.detail(Unmapped(), detail='003'))

    def test_unmapped_exception_without_detail_is_unknown_error(self):
        self.assertEqual('001', self.detail(Unmapped()))

    def test_unknown_detail_with_mapped_exception_is_refused(self):
        self.assertRaises(exception.NotPermitted, self.detail,
                          robots.PowerFailure(), detail='999')

    def test_text_of_exception_is_never_read(self):
        reads = []

        class Unreadable(robots.PowerFailure):
            def _read(self, *_args):
                reads.append(self)
                raise RuntimeError('password=s3cret')
            __str__ = __repr__ = __format__ = args = property(_read)

        logger = self.useFixture(fixtures.FakeLogger())
        event = self.catalogue.resolve(
            action='001', exception=Unreadable('password=s3cret'),
            resource_type='ROBOT')
        self.assertEqual('002', event.detail_id)
        self.assertEqual([], reads)
        self.assertNotIn('s3cret', logger.output)
        self.assertNotIn('s3cret', repr(event))

    def test_exceptions_of_the_volume_catalogue_are_mapped(self):
        expected = yaml.safe_load(VOLUME_CATALOGUE.read_text())['exceptions']
        built_in = loader.built_in()
        for constant, names in expected.items():
            for name in names:
                event = built_in.resolve(
                    action=volume.Actions.ATTACH_VOLUME,
                    exception=exception_of('cinder.exception', name),
                    resource_type=resource_types.VOLUME)
                self.assertEqual(getattr(volume.Details, constant).id,
                                 event.detail_id)


class DescribeTest(base.TestCase):

    TRANSLATIONS = {'de': {'ACME': robots.acme(
        actions=[
            dataclasses.replace(robots.RobotActions.START,
                                text='Roboter starten'),
            robots.RobotActions.STOP],
        details=[
            robots.RobotDetails.UNKNOWN_ERROR,
            dataclasses.replace(robots.RobotDetails.NO_POWER,
                                text='Er hat keinen Strom.',
                                remedy='Stecken Sie ihn ein.'),
            dataclasses.replace(robots.RobotDetails.STUCK,
                                text='Er steckt fest.')],
        events=[dataclasses.replace(robots.RobotEvents.LOST,
                                    text='Der Roboter ist weg.')])}}

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger())
        self.unknown_events = 0
        self.catalogue = catalogue.Catalogue(
            [robots.acme()], self.TRANSLATIONS, {'de': 'Unbekannt.'},
            self.count)

    def count(self):
        self.unknown_events += 1

    def test_description_of_whole_event(self):
        description = self.catalogue.describe('ACME_000001')
        self.assertEqual(
            catalogue.Description('The robot is lost.',
                                  remedy='Look under the sofa.'), description)
        self.assertEqual('The robot is lost.', description.user_message)

    def test_description_of_composed_event(self):
        description = self.catalogue.describe('ACME_ROBOT_001_002')
        self.assertEqual(
            catalogue.Description(
                'It has no power.', action='start the robot',
                remedy='Plug it in.', user_fixable=True, retryable=True,
                link='https://robots.example.org/power'), description)
        self.assertEqual('start the robot: It has no power.',
                         description.user_message)

    def test_description_in_other_language(self):
        description = self.catalogue.describe('ACME_ROBOT_001_002', 'de')
        self.assertEqual('Roboter starten: Er hat keinen Strom.',
                         description.user_message)
        self.assertEqual('Stecken Sie ihn ein.', description.remedy)
        self.assertTrue(description.user_fixable)

    def test_text_without_translation_is_english(self):
        self.assertEqual(
            'stop the robot: Er steckt fest.',
            self.catalogue.describe('ACME_ROBOT_002_003', 'de').user_message)
        self.assertEqual('Look under the sofa.', self.catalogue.describe(
            'ACME_000001', 'de').remedy)

    def test_digest_depends_on_all_texts_and_attributes(self):
        def change(entry, **changes):
            return catalogue.Catalogue([robots.acme(details=[
                robots.RobotDetails.UNKNOWN_ERROR,
                robots.RobotDetails.NO_POWER,
                dataclasses.replace(entry, **changes)])])

        stuck = robots.RobotDetails.STUCK
        digests = [made.digest for made in (
            change(stuck), change(stuck, text='It is stuck!'),
            change(stuck, remedy='Push it.'),
            change(stuck, user_fixable=True), change(stuck, retryable=True),
            change(stuck, link='https://robots.example.org/stuck'),
            catalogue.Catalogue([robots.acme(
                resource_types=['ACME_ROBOT', 'ACME_ARM'])]),
            catalogue.Catalogue([robots.acme()], self.TRANSLATIONS),
            self.catalogue)]
        self.assertEqual(len(digests), len(set(digests)))
        self.assertEqual(catalogue.Catalogue(
            [robots.acme()], self.TRANSLATIONS,
            {'de': 'Unbekannt.'}).digest, digests[-1])

    def test_unknown_language_is_english(self):
        for event_id in ('ACME_ROBOT_001_002', 'ACME_000001', 'NOPE'):
            self.assertEqual(self.catalogue.describe(event_id),
                             self.catalogue.describe(event_id, 'tlh'))

    def test_description_is_cached(self):
        first = self.catalogue.describe('ACME_ROBOT_001_002', 'de')
        self.assertIs(first,
                      self.catalogue.describe('ACME_ROBOT_001_002', 'de'))

    def test_unknown_event_has_general_text_in_the_language(self):
        self.assertEqual(catalogue.Description(catalogue.UNKNOWN_EVENT),
                         self.catalogue.describe('ACME_000009'))
        self.assertEqual('Unbekannt.', self.catalogue.describe(
            'ACME_000009', 'de').user_message)

    def test_unknown_event_is_always_counted_and_logged_once(self):
        for language in ('en', 'de', 'en'):
            self.catalogue.describe('ACME_000009', language)
        self.catalogue.describe('ACME_ROBOT_001_009')
        self.assertEqual(4, self.unknown_events)
        self.assertEqual(1, self.logger.output.count('ACME_000009'))
        self.assertEqual(1, self.logger.output.count('ACME_ROBOT_001_009'))

    def test_known_event_is_neither_counted_nor_logged(self):
        self.catalogue.describe('ACME_000001')
        self.assertEqual(0, self.unknown_events)
        self.assertEqual('', self.logger.output)

    def test_line_break_in_unknown_id_does_not_forge_log_line(self):
        self.catalogue.describe('ACME\nERROR all is lost')
        self.assertEqual(1, len(self.logger.output.splitlines()))

    def test_number_of_remembered_unknown_events_is_limited(self):
        many = catalogue.Catalogue.MAX_LOGGED_UNKNOWN + 10
        for number in range(many):
            self.catalogue.describe(f'NOPE_{number}')
        self.catalogue.describe(f'NOPE_{many - 1}')
        self.assertEqual(many, self.logger.output.count('NOPE_'))
        self.assertEqual(catalogue.Catalogue.MAX_LOGGED_UNKNOWN,
                         self.catalogue._log_once.cache_info().currsize)
        self.assertEqual({}, self.catalogue._described)

    def test_cache_ignores_unknown_languages(self):
        for number in range(100):
            self.catalogue.describe('ACME_000001', f'x-{number}')
        self.assertEqual(1, len(self.catalogue._described))

    @hypothesis.given(strategies.text(strategies.characters()),
                      strategies.sampled_from(['en', 'de', 'tlh', '']))
    def test_describe_never_fails(self, event_id, language):
        self.assertTrue(
            self.catalogue.describe(event_id, language).user_message)

    @hypothesis.given(strategies.lists(strategies.sampled_from(
        ['VOLUME', 'VOLUME_BACKUP', 'SHARE', 'IMAGE', '001', '003', '000002',
         '', '_', 'x', '\u0660']), max_size=6))
    def test_describe_never_fails_for_similar_ids(self, parts):
        self.assertTrue(
            loader.built_in().describe('_'.join(parts), 'ja').user_message)


class ResolvedEventsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.catalogue = loader.built_in()

    def test_event_ids_are_sorted_and_unique(self):
        event_ids = list(self.catalogue.resolved_events)
        self.assertEqual(sorted(set(event_ids)), event_ids)

    def test_all_permitted_messages_are_included(self):
        events = self.catalogue.resolved_events
        count = 0
        for prefix, namespace in self.catalogue.namespaces.items():
            for event_id in namespace.events:
                event = events[event_id]
                self.assertEqual((prefix, None, None, None), (
                    event.prefix, event.resource_type, event.action_id,
                    event.detail_id))
                count += 1
            for name in namespace.resource_types:
                for action in namespace.actions.values():
                    for detail in namespace.details.values():
                        event = self.catalogue.resolve(
                            action=action, detail=detail, resource_type=name)
                        self.assertEqual(event, events[event.event_id])
                        count += 1
        self.assertEqual(count, len(events))

    def test_each_event_can_be_found_resolved_and_described(self):
        for event in self.catalogue.resolved_events.values():
            self.assertEqual(event, self.catalogue.find(event.event_id))
            self.assertEqual(event, self.catalogue.resolve(
                event_id=event.event_id))
            self.assertNotIn(catalogue.UNKNOWN_EVENT, self.catalogue.describe(
                event.event_id).user_message)

    def test_find_with_bare_volume_event_id(self):
        self.assertEqual('VOLUME_000002',
                         self.catalogue.find('000002').event_id)

    def test_find_with_unknown_id_raises_definition_not_found(self):
        for event_id in ('', 'VOLUME', 'VOLUME_', 'VOLUME_999999', '999999',
                         'volume_000002', 'VOLUME_000002\n', ' 000002',
                         'VOLUME_VOLUME_001_999', 'VOLUME_VOLUME_999_001',
                         'VOLUME_SHARE_001_001', 'VOLUME_VOLUME_001',
                         'VOLUME_VOLUME_001_001_', '\u0661', 'A' * 50_000,
                         None, 2, ('VOLUME_000002',), []):
            self.assertRaises(exception.DefinitionNotFound,
                              self.catalogue.find, event_id)

    @hypothesis.given(strategies.one_of(
        strategies.text(),
        strategies.lists(strategies.sampled_from(
            ['VOLUME', 'SHARE', 'SNAPSHOT', '001', '002', '000002', '', '1']),
            max_size=5).map('_'.join)))
    def test_find_and_resolve_accept_the_same_ids(self, event_id):
        try:
            event = self.catalogue.find(event_id)
        except exception.DefinitionNotFound:
            self.assertRaises(exception.NotPermitted, self.catalogue.resolve,
                              event_id=event_id)
        else:
            self.assertEqual(event,
                             self.catalogue.resolve(event_id=event_id))
            self.assertIn(event, self.catalogue.resolved_events.values())

    def test_similar_non_ascii_letters_are_refused(self):
        # The upper case of these letters is ASCII.
        for values in ({'resource_type': '\u017fhare', 'action': '001'},
                       {'resource_type': 'INSTANCE', 'action': 're\u017fize'},
                       {'resource_type': 'VOLUME', 'action': '001',
                        'detail': 'not_enough_\u017fpace_for_image'}):
            self.assertIsNotNone(self.catalogue.resolve(**{
                name: value.replace('\u017f', 's')
                for name, value in values.items()}))
            self.assertRaises(exception.NotPermitted, self.catalogue.resolve,
                              **values)


class CatalogueTest(testtools.TestCase):

    def test_duplicate_prefix_is_refused(self):
        error = self.assertRaises(
            exception.ConfigurationError, catalogue.Catalogue,
            [robots.acme(), robots.acme(resource_types=['DRONE'])])
        self.assertIn('ACME', str(error))

    def test_resource_type_of_two_prefixes_is_refused(self):
        error = self.assertRaises(
            exception.ConfigurationError, catalogue.Catalogue,
            [robots.acme(), entries.Namespace('OTHER',
                                              resource_types=['ROBOT'])])
        for name in ('ROBOT', 'ACME', 'OTHER'):
            self.assertIn(name, str(error))

    def test_event_id_of_two_prefixes_is_refused(self):
        error = self.assertRaises(
            exception.ConfigurationError, catalogue.Catalogue,
            [robots.acme(resource_types=['CORP_ROBOT']),
             entries.Namespace('ACME_CORP', resource_types=['ROBOT'],
                               actions=robots.RobotActions,
                               details=robots.RobotDetails)])
        self.assertIn('ACME_CORP_ROBOT_001_001 belongs to both ACME',
                      str(error))

    def test_languages_begin_with_english(self):
        translated = catalogue.Catalogue(
            [robots.acme()], {'pt-BR': {}}, {'de': 'x'})
        self.assertEqual(('en', 'de', 'pt-BR'), translated.languages)

    def test_texts_yields_every_entry(self):
        translated = catalogue.Catalogue(
            [robots.acme()], DescribeTest.TRANSLATIONS)
        self.assertEqual(
            [('ACME', 'event', 'ACME_000001', 'LOST', 'Der Roboter ist weg.',
              'Look under the sofa.'),
             ('ACME', 'action', '001', 'START', 'Roboter starten', None)],
            list(translated.texts('de', 'ACME'))[:2])
        self.assertEqual([], list(translated.texts(prefix='VOLUME')))


# Control and format characters, surrogates, private and unassigned characters,
# and separators of lines and paragraphs.
HIDDEN = ('Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp')


class BuiltInTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.catalogue = loader.built_in()
        self.logger = self.useFixture(fixtures.FakeLogger())

    def entries(self):
        for prefix in PREFIXES:
            namespace = self.catalogue.namespaces[prefix]
            for kind in entries.KINDS:
                for entry in getattr(namespace, kind).values():
                    yield prefix, kind, entry

    def test_volume_ids_and_constants_match_the_contract(self):
        expected = yaml.safe_load(VOLUME_CATALOGUE.read_text())
        namespace = self.catalogue.namespaces['VOLUME']
        for kind in entries.KINDS:
            self.assertEqual(
                expected[kind],
                {entry.id: entry.constant
                 for entry in getattr(namespace, kind).values()})
        self.assertEqual(
            expected['exceptions'],
            {entry.constant: list(entry.exceptions)
             for entry in namespace.details.values() if entry.exceptions})
        self.assertEqual(
            ('VOLUME', 'VOLUME_SNAPSHOT', 'VOLUME_BACKUP'),
            namespace.resource_types)

    def test_text_of_the_documented_example(self):
        self.assertEqual(
            'No storage could be allocated for this volume request.',
            self.catalogue.describe(
                defined_messages.EventIds.UNABLE_TO_ALLOCATE).user_message)

    def test_catalogue_has_two_languages_besides_english(self):
        self.assertEqual('en', self.catalogue.languages[0])
        self.assertGreaterEqual(len(self.catalogue.languages), 3)

    def test_every_resource_type_has_a_constant_and_a_prefix(self):
        named = {value for name, value in vars(resource_types).items()
                 if name.isupper()}
        self.assertEqual(
            {name for namespace in self.catalogue.namespaces.values()
             for name in namespace.resource_types}, named)
        for name in named:
            self.assertEqual(name, getattr(resource_types, name))

    def test_every_composed_event_is_described_in_every_language(self):
        composed = 0
        for prefix in PREFIXES:
            namespace = self.catalogue.namespaces[prefix]
            for resource, action, detail, language in itertools.product(
                    namespace.resource_types, namespace.actions,
                    namespace.details, self.catalogue.languages):
                description = self.catalogue.describe(
                    f'{prefix}_{resource}_{action}_{detail}', language)
                self.assertTrue(description.action)
                composed += 1
        self.assertGreater(composed, 10000)
        self.assertEqual('', self.logger.output)

    def test_composed_event_is_resolved_for_every_resource_type(self):
        for prefix, namespace in self.catalogue.namespaces.items():
            for resource in namespace.resource_types:
                event_id = f'{prefix}_{resource}_001_001'
                event = self.catalogue.resolve(event_id=event_id)
                self.assertEqual((event_id, prefix, resource),
                                 (event.event_id, event.prefix,
                                  event.resource_type))

    def test_every_event_id_fits_its_column(self):
        for prefix, namespace in self.catalogue.namespaces.items():
            for resource in namespace.resource_types:
                self.assertLessEqual(
                    len(f'{prefix}_{resource}_001_001'), 255)

    def test_texts_have_only_visible_characters(self):
        for language in self.catalogue.languages:
            rows = list(self.catalogue.texts(language))
            self.assertGreater(len(rows), 200)
            for _prefix, _kind, _id, _constant, *texts in rows:
                for text in filter(None, texts):
                    hidden = {character for character in set(text)
                              if unicodedata.category(character) in HIDDEN}
                    if hidden or '  ' in text or text.strip() != text:
                        self.fail(f'{language}: {text!r}')

    def test_english_texts_are_sentences_and_actions_are_phrases(self):
        for prefix, kind, entry in self.entries():
            name = f'{prefix} {kind} {entry.id}'
            if kind == 'actions':
                self.assertFalse(entry.text.endswith('.'), name)
            else:
                self.assertTrue(entry.text.endswith('.'), name)
                self.assertTrue(entry.text[0].isupper(), name)
                self.assertTrue(
                    entry.remedy is None or entry.remedy.endswith('.'), name)

    def test_user_fixable_entry_has_a_remedy(self):
        for prefix, kind, entry in self.entries():
            if kind != 'actions' and entry.user_fixable:
                self.assertTrue(entry.remedy, f'{prefix} {kind} {entry.id}')

    def test_every_translation_is_complete(self):
        for path in translation_files():
            document = yamlfile.load(path)
            self.assertTrue(document['unknown_event'])
            self.assertEqual(path.stem, document['language'])
            for prefix, kind, entry in self.entries():
                name = f'{path.name} {prefix} {kind} {entry.id}'
                translation = document['prefixes'][prefix][kind].get(
                    entry.id.rpartition('_')[2], {})
                self.assertTrue(translation.get('text'), name)
                self.assertEqual(bool(getattr(entry, 'remedy', None)),
                                 bool(translation.get('remedy')), name)

    def test_translation_differs_from_english_text(self):
        english = dict(texts_by_entry(self.catalogue, 'en'))
        for language in self.catalogue.languages[1:]:
            for key, text in texts_by_entry(self.catalogue, language):
                self.assertNotEqual(english[key], text, f'{language} {key}')

    def test_general_text_is_translated(self):
        texts = [self.catalogue.describe('NOPE_000001', language).text
                 for language in self.catalogue.languages]
        self.assertEqual(len(texts), len(set(texts)))


def translation_files():
    directory = pathlib.Path(loader.__file__).with_name('languages')
    return [path for path in sorted(directory.iterdir())
            if fnmatch.fnmatch(path.name, '*.yaml')]


def texts_by_entry(loaded, language):
    for prefix, kind, entry_id, _constant, text, _remedy in loaded.texts(
            language):
        yield (prefix, kind, entry_id), text
