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


class Unmapped(Exception):
    pass


def exception_of(module, name):
    return type(name, (Exception,), {'__module__': module})


class OutcomeTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.catalogue = loader.built_in()

    def refused(self, field, **what):
        error = self.assertRaises(exception.NotPermitted,
                                  self.catalogue.resolve, **what)
        self.assertEqual(field, error.field)
        self.assertThat(str(error), matchers.StartsWith(f'{field}: '))
        return str(error)

    def test_a_whole_event(self):
        self.assertEqual(
            catalogue.ResolvedEvent('VOLUME_000002', 'VOLUME', None),
            self.catalogue.resolve(event_id='VOLUME_000002'))

    def test_a_bare_id_is_one_of_block_storage(self):
        self.assertEqual(
            catalogue.ResolvedEvent('VOLUME_000002', 'VOLUME', 'VOLUME'),
            self.catalogue.resolve(event_id='000002',
                                   resource_type='VOLUME'))

    def test_a_composed_event(self):
        expected = catalogue.ResolvedEvent('VOLUME_VOLUME_BACKUP_013_019',
                                     'VOLUME', 'VOLUME_BACKUP', '013', '019')
        for given in (None, 'VOLUME_BACKUP', 'volume_backup'):
            self.assertEqual(expected, self.catalogue.resolve(
                event_id='VOLUME_VOLUME_BACKUP_013_019',
                resource_type=given))

    def test_a_composed_event_speaks_of_its_own_resource_type(self):
        text = self.refused(
            'resource_type', event_id='VOLUME_VOLUME_BACKUP_013_019',
            resource_type='VOLUME')
        self.assertIn('VOLUME_BACKUP', text)

    def test_an_action_and_a_detail_in_every_form(self):
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

    def test_an_action_alone_has_the_unknown_detail(self):
        self.assertEqual(
            'VOLUME_VOLUME_002_001',
            self.catalogue.resolve(action='002',
                                   resource_type='VOLUME').event_id)

    def test_an_entry_that_was_reworded_is_still_that_entry(self):
        path = self.write('overlay/a.yaml', '''
            prefixes:
              VOLUME:
                actions: {'002': {text: fasten volume}}
                details: {'021': {text: It did not hold.}}
            ''')
        reworded = loader.load(pathlib.Path(path).parent)
        outcome = reworded.resolve(action=volume.Actions.ATTACH_VOLUME,
                                   detail=volume.Details.ATTACH_ERROR,
                                   resource_type='VOLUME')
        self.assertEqual('fasten volume: It did not hold.',
                         reworded.describe(outcome.event_id).user_message)

    def test_a_resource_type_in_any_case(self):
        for given in ('VOLUME', 'volume', 'Volume'):
            for what in ({'event_id': 'VOLUME_000002'}, {'action': '002'}):
                self.assertEqual('VOLUME', self.catalogue.resolve(
                    resource_type=given, **what).resource_type)

    def test_the_resource_type_chooses_among_equal_ids(self):
        self.assertEqual('SHARE_SHARE_SNAPSHOT_002_001',
                         self.catalogue.resolve(
                             action='002',
                             resource_type='SHARE_SNAPSHOT').event_id)

    def test_exactly_one_of_event_id_and_action(self):
        self.refused('event_id')
        self.refused('event_id', resource_type='VOLUME')
        self.refused('event_id', event_id='VOLUME_000002', action='002',
                     resource_type='VOLUME')

    def test_detail_and_exception_go_with_action(self):
        self.refused('detail', event_id='VOLUME_000002', detail='001')
        self.refused('exception', event_id='VOLUME_000002',
                     exception=ValueError())
        self.refused('detail', event_id='VOLUME_VOLUME_002_021',
                     detail='021')

    def test_an_action_needs_a_resource_type(self):
        self.refused('resource_type', action='002')

    def test_what_is_not_in_the_catalogue(self):
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
            for what in ({'event_id': 'VOLUME_000002'}, {'action': '002'}):
                self.refused('resource_type', resource_type=resource_type,
                             **what)

    def test_an_entry_of_another_prefix_with_the_same_id(self):
        for entry in (compute.Actions.DELETE, image.Actions.UPLOAD,
                      share.Actions.CREATE):
            self.refused('action', action=entry, resource_type='VOLUME')
        for entry in (compute.Details.NO_VALID_HOST,
                      share.Details.NO_VALID_HOST):
            self.refused('detail', action='002', detail=entry,
                         resource_type='VOLUME')

    def test_a_resource_type_of_another_prefix(self):
        self.refused('action', action=volume.Actions.ATTACH_VOLUME,
                     resource_type='SHARE')
        self.refused('action', action=volume.Actions.ATTACH_VOLUME,
                     resource_type='IMAGE')

    def test_what_was_given_is_named_but_not_at_length(self):
        self.assertIn("'robot'", self.refused('action', action='robot',
                                              resource_type='VOLUME'))
        text = self.refused('event_id', event_id='x' * 10000 + '\n')
        self.assertLess(len(text), 150)
        self.assertNotIn('\n', text)

    def test_an_exception_given_as_a_detail_is_not_quoted(self):
        text = self.refused('detail', action='002', resource_type='VOLUME',
                            detail=ValueError('password=s3cret'))
        self.assertNotIn('s3cret', text)
        self.assertIn('ValueError', text)

    @hypothesis.given(strategies.data())
    def test_junk_is_never_more_than_not_permitted(self, data):
        names = data.draw(strategies.sampled_from(
            [('event_id',), ('action',), ('event_id', 'action')]))
        names += ('detail', 'exception', 'resource_type')
        arguments = {name: data.draw(JUNK, label=name)() for name in names}
        try:
            outcome = self.catalogue.resolve(**arguments)
        except exception.NotPermitted as error:
            self.assertIn(error.field, [*arguments, 'event_id'])
        else:
            self.assertEqual(catalogue.ResolvedEvent, type(outcome))


class Hostile:
    """Whoever looks at it is sorry."""

    def __repr__(self):
        raise RuntimeError('not to be looked at')
    __str__ = __eq__ = __hash__ = __bool__ = __repr__


# Wrapped, as hypothesis looks at what it draws.
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

    def test_no_exception_of_a_library_means_something_else(self):
        # Their names are common: a failed query is no failed hypervisor.
        modules = (sqlalchemy.exc, oslo_db.exception, pymysql.err, psycopg2,
                   sqlite3, ssl, http.client, subprocess)
        for namespace in loader.built_in().namespaces.values():
            for module in modules:
                for error in vars(module).values():
                    if (isinstance(error, type) and
                            issubclass(error, Exception) and
                            not issubclass(error, TimeoutError)):
                        self.assertIsNone(namespace.find_detail(error), error)

    def test_what_is_no_exception_is_refused(self):
        for value in (5, 'TimeoutError', (ValueError,)):
            error = self.assertRaises(
                exception.NotPermitted, loader.built_in().resolve,
                action='CREATE', resource_type='IMAGE', exception=value)
            self.assertEqual('exception: must be an exception or its class.',
                             str(error))

    def setUp(self):
        super().setUp()
        self.catalogue = catalogue.Catalogue([robots.acme()])

    def detail(self, given, detail=None):
        return self.catalogue.resolve(
            action=robots.RobotActions.START, detail=detail, exception=given,
            resource_type='ROBOT').detail_id

    def test_by_its_name(self):
        self.assertEqual('002', self.detail(robots.PowerFailure('dark')))

    def test_a_class_instead_of_an_instance(self):
        self.assertEqual('002', self.detail(robots.PowerFailure))

    def test_by_the_name_of_a_base_class(self):
        self.assertEqual('002', self.detail(robots.FlatBattery()))

    def test_the_nearest_class_wins(self):
        self.assertEqual('003', self.detail(robots.Stuck()))

    def test_by_module_and_name(self):
        self.assertEqual('002', self.detail(
            exception_of('robots.errors', 'Empty')()))

    def test_the_same_name_in_another_module(self):
        self.assertEqual('001', self.detail(
            exception_of('queue', 'Empty')()))

    def test_module_and_name_win_over_the_name(self):
        class Details:
            UNKNOWN_ERROR = entries.Detail('001', 'Nobody knows.')
            ANY = entries.Detail('002', 'Any.', exceptions=('Empty',))
            OURS = entries.Detail('003', 'Ours.',
                                  exceptions=('robots.errors.Empty',))
        self.catalogue = catalogue.Catalogue([robots.acme(details=Details)])
        self.assertEqual('003', self.detail(
            exception_of('robots.errors', 'Empty')()))
        self.assertEqual('002', self.detail(exception_of('queue', 'Empty')))

    def test_a_mapped_one_wins_over_the_detail(self):
        self.assertEqual(
            '002', self.detail(robots.PowerFailure(), detail='003'))

    def test_an_unmapped_one_keeps_the_detail(self):
        self.assertEqual('003', self.detail(Unmapped(), detail='003'))

    def test_an_unmapped_one_alone_is_an_unknown_error(self):
        self.assertEqual('001', self.detail(Unmapped()))

    def test_the_detail_must_exist_even_if_it_does_not_count(self):
        self.assertRaises(exception.NotPermitted, self.detail,
                          robots.PowerFailure(), detail='999')

    def test_its_text_is_never_looked_at(self):
        looked = []

        class Silent(robots.PowerFailure):
            def _look(self, *_args):
                looked.append(self)
                raise RuntimeError('password=s3cret')
            __str__ = __repr__ = __format__ = args = property(_look)

        logger = self.useFixture(fixtures.FakeLogger())
        outcome = self.catalogue.resolve(
            action='001', exception=Silent('password=s3cret'),
            resource_type='ROBOT')
        self.assertEqual('002', outcome.detail_id)
        self.assertEqual([], looked)
        self.assertNotIn('s3cret', logger.output)
        self.assertNotIn('s3cret', repr(outcome))

    def test_what_the_volume_catalogue_maps(self):
        expected = yaml.safe_load(VOLUME_CATALOGUE.read_text())['exceptions']
        known = loader.built_in()
        for constant, names in expected.items():
            for name in names:
                outcome = known.resolve(
                    action=volume.Actions.ATTACH_VOLUME,
                    exception=exception_of('cinder.exception', name),
                    resource_type=resource_types.VOLUME)
                self.assertEqual(getattr(volume.Details, constant).id,
                                 outcome.detail_id)


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
        self.unknown = 0
        self.catalogue = catalogue.Catalogue(
            [robots.acme()], self.TRANSLATIONS, {'de': 'Unbekannt.'},
            self.count)

    def count(self):
        self.unknown += 1

    def test_a_whole_event(self):
        found = self.catalogue.describe('ACME_000001')
        self.assertEqual(
            catalogue.Description('The robot is lost.',
                                  remedy='Look under the sofa.'), found)
        self.assertEqual('The robot is lost.', found.user_message)

    def test_a_composed_event(self):
        found = self.catalogue.describe('ACME_ROBOT_001_002')
        self.assertEqual(
            catalogue.Description(
                'It has no power.', action='start the robot',
                remedy='Plug it in.', user_fixable=True, retryable=True,
                link='https://robots.example.org/power'), found)
        self.assertEqual('start the robot: It has no power.',
                         found.user_message)

    def test_another_language(self):
        found = self.catalogue.describe('ACME_ROBOT_001_002', 'de')
        self.assertEqual('Roboter starten: Er hat keinen Strom.',
                         found.user_message)
        self.assertEqual('Stecken Sie ihn ein.', found.remedy)
        self.assertTrue(found.user_fixable)

    def test_what_is_not_translated_is_english(self):
        self.assertEqual(
            'stop the robot: Er steckt fest.',
            self.catalogue.describe('ACME_ROBOT_002_003', 'de').user_message)
        self.assertEqual('Look under the sofa.', self.catalogue.describe(
            'ACME_000001', 'de').remedy)

    def test_a_language_that_is_not_there_is_english(self):
        for event_id in ('ACME_ROBOT_001_002', 'ACME_000001', 'NOPE'):
            self.assertEqual(self.catalogue.describe(event_id),
                             self.catalogue.describe(event_id, 'tlh'))

    def test_a_second_time_it_is_the_same(self):
        first = self.catalogue.describe('ACME_ROBOT_001_002', 'de')
        self.assertIs(first,
                      self.catalogue.describe('ACME_ROBOT_001_002', 'de'))

    def test_an_unknown_event_has_a_general_text_in_the_language(self):
        self.assertEqual(catalogue.Description(catalogue.UNKNOWN_EVENT),
                         self.catalogue.describe('ACME_000009'))
        self.assertEqual('Unbekannt.', self.catalogue.describe(
            'ACME_000009', 'de').user_message)

    def test_an_unknown_event_is_counted_each_time_and_logged_once(self):
        for language in ('en', 'de', 'en'):
            self.catalogue.describe('ACME_000009', language)
        self.catalogue.describe('ACME_ROBOT_001_009')
        self.assertEqual(4, self.unknown)
        self.assertEqual(1, self.logger.output.count('ACME_000009'))
        self.assertEqual(1, self.logger.output.count('ACME_ROBOT_001_009'))

    def test_a_known_event_is_neither_counted_nor_logged(self):
        self.catalogue.describe('ACME_000001')
        self.assertEqual(0, self.unknown)
        self.assertEqual('', self.logger.output)

    def test_a_line_break_in_an_unknown_id_does_not_forge_a_log_line(self):
        self.catalogue.describe('ACME\nERROR all is lost')
        self.assertEqual(1, len(self.logger.output.splitlines()))

    def test_what_is_remembered_of_unknown_events_is_bounded(self):
        many = catalogue.Catalogue.MAX_LOGGED_UNKNOWN + 10
        for number in range(many):
            self.catalogue.describe(f'NOPE_{number}')
        self.catalogue.describe(f'NOPE_{many - 1}')
        self.assertEqual(many, self.logger.output.count('NOPE_'))
        self.assertEqual(catalogue.Catalogue.MAX_LOGGED_UNKNOWN,
                         self.catalogue._log_once.cache_info().currsize)
        self.assertEqual({}, self.catalogue._described)

    def test_what_is_remembered_of_languages_is_bounded(self):
        for number in range(100):
            self.catalogue.describe('ACME_000001', f'x-{number}')
        self.assertEqual(1, len(self.catalogue._described))

    @hypothesis.given(strategies.text(strategies.characters()),
                      strategies.sampled_from(['en', 'de', 'tlh', '']))
    def test_it_never_fails(self, event_id, language):
        self.assertTrue(
            self.catalogue.describe(event_id, language).user_message)

    @hypothesis.given(strategies.lists(strategies.sampled_from(
        ['VOLUME', 'VOLUME_BACKUP', 'SHARE', 'IMAGE', '001', '003', '000002',
         '', '_', 'x', '\u0660']), max_size=6))
    def test_it_never_fails_for_what_looks_like_an_id(self, parts):
        self.assertTrue(
            loader.built_in().describe('_'.join(parts), 'ja').user_message)


class OutcomesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.catalogue = loader.built_in()

    def test_they_are_sorted_and_each_stands_once(self):
        found = list(self.catalogue.resolved_events)
        self.assertEqual(sorted(set(found)), found)

    def test_they_are_all_that_may_be_said(self):
        found = self.catalogue.resolved_events
        count = 0
        for prefix, namespace in self.catalogue.namespaces.items():
            for event_id in namespace.events:
                self.assertEqual((prefix, None, None, None), (
                    found[event_id].prefix, found[event_id].resource_type,
                    found[event_id].action_id, found[event_id].detail_id))
                count += 1
            for name in namespace.resource_types:
                for action in namespace.actions.values():
                    for detail in namespace.details.values():
                        made = self.catalogue.resolve(
                            action=action, detail=detail, resource_type=name)
                        self.assertEqual(made, found[made.event_id])
                        count += 1
        self.assertEqual(count, len(found))

    def test_each_can_be_found_recorded_and_described(self):
        for outcome in self.catalogue.resolved_events.values():
            self.assertEqual(outcome, self.catalogue.find(outcome.event_id))
            self.assertEqual(outcome, self.catalogue.resolve(
                event_id=outcome.event_id))
            self.assertNotIn(catalogue.UNKNOWN_EVENT, self.catalogue.describe(
                outcome.event_id).user_message)

    def test_the_bare_id_of_a_volume_event_is_found(self):
        self.assertEqual('VOLUME_000002',
                         self.catalogue.find('000002').event_id)

    def test_what_is_not_there_is_not_found(self):
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
    def test_what_can_be_found_can_be_recorded_and_the_other_way(
            self, event_id):
        try:
            found = self.catalogue.find(event_id)
        except exception.DefinitionNotFound:
            self.assertRaises(exception.NotPermitted, self.catalogue.resolve,
                              event_id=event_id)
        else:
            self.assertEqual(found,
                             self.catalogue.resolve(event_id=event_id))
            self.assertIn(found, self.catalogue.resolved_events.values())

    def test_letters_that_are_only_like_ours_are_others(self):
        # Their upper case is of ASCII.
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

    def test_a_prefix_that_stands_twice(self):
        error = self.assertRaises(
            exception.ConfigurationError, catalogue.Catalogue,
            [robots.acme(), robots.acme(resource_types=['DRONE'])])
        self.assertIn('ACME', str(error))

    def test_a_resource_type_of_two_prefixes(self):
        error = self.assertRaises(
            exception.ConfigurationError, catalogue.Catalogue,
            [robots.acme(), entries.Namespace('OTHER',
                                              resource_types=['ROBOT'])])
        for name in ('ROBOT', 'ACME', 'OTHER'):
            self.assertIn(name, str(error))

    def test_languages_begin_with_english(self):
        known = catalogue.Catalogue(
            [robots.acme()], {'pt-BR': {}}, {'de': 'x'})
        self.assertEqual(('en', 'de', 'pt-BR'), known.languages)

    def test_the_words_of_every_entry(self):
        known = catalogue.Catalogue([robots.acme()], DescribeTest.TRANSLATIONS)
        self.assertEqual(
            [('ACME', 'event', 'ACME_000001', 'LOST', 'Der Roboter ist weg.',
              'Look under the sofa.'),
             ('ACME', 'action', '001', 'START', 'Roboter starten', None)],
            list(known.texts('de', 'ACME'))[:2])
        self.assertEqual([], list(known.texts(prefix='VOLUME')))


# Control and format characters, halves of characters, those of nobody, and
# separators of lines and paragraphs.
HIDDEN = ('Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp')


class BuiltInTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.catalogue = loader.built_in()
        self.logger = self.useFixture(fixtures.FakeLogger())

    def entries(self):
        for prefix in ('VOLUME', 'IMAGE', 'SHARE', 'COMPUTE'):
            namespace = self.catalogue.namespaces[prefix]
            for kind in entries.KINDS:
                for entry in getattr(namespace, kind).values():
                    yield prefix, kind, entry

    def test_the_ids_and_names_of_the_volume_catalogue(self):
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

    def test_the_text_that_everybody_knows(self):
        self.assertEqual(
            'No storage could be allocated for this volume request.',
            self.catalogue.describe(
                defined_messages.EventIds.UNABLE_TO_ALLOCATE).user_message)

    def test_two_languages_besides_english(self):
        self.assertEqual('en', self.catalogue.languages[0])
        self.assertGreaterEqual(len(self.catalogue.languages), 3)

    def test_every_resource_type_has_a_name_and_a_prefix(self):
        named = {value for name, value in vars(resource_types).items()
                 if name.isupper()}
        self.assertEqual(
            {name for namespace in self.catalogue.namespaces.values()
             for name in namespace.resource_types}, named)
        for name in named:
            self.assertEqual(name, getattr(resource_types, name))

    def test_every_composed_event_in_every_language(self):
        composed = 0
        for prefix in ('VOLUME', 'IMAGE', 'SHARE', 'COMPUTE'):
            namespace = self.catalogue.namespaces[prefix]
            for resource, action, detail, language in itertools.product(
                    namespace.resource_types, namespace.actions,
                    namespace.details, self.catalogue.languages):
                found = self.catalogue.describe(
                    f'{prefix}_{resource}_{action}_{detail}', language)
                self.assertTrue(found.action)
                composed += 1
        self.assertGreater(composed, 10000)
        self.assertEqual('', self.logger.output)

    def test_every_resource_type_in_a_composed_event(self):
        for prefix, namespace in self.catalogue.namespaces.items():
            for resource in namespace.resource_types:
                event_id = f'{prefix}_{resource}_001_001'
                outcome = self.catalogue.resolve(event_id=event_id)
                self.assertEqual((event_id, prefix, resource),
                                 (outcome.event_id, outcome.prefix,
                                  outcome.resource_type))

    def test_every_event_id_fits_its_column(self):
        for prefix, namespace in self.catalogue.namespaces.items():
            for resource in namespace.resource_types:
                self.assertLessEqual(
                    len(f'{prefix}_{resource}_001_001'), 255)

    def test_texts_hold_nothing_that_cannot_be_seen(self):
        for language in self.catalogue.languages:
            words = list(self.catalogue.texts(language))
            self.assertGreater(len(words), 200)
            for _prefix, _kind, _id, _constant, *texts in words:
                for text in filter(None, texts):
                    hidden = {character for character in set(text)
                              if unicodedata.category(character) in HIDDEN}
                    if hidden or '  ' in text or text.strip() != text:
                        self.fail(f'{language}: {text!r}')

    def test_english_texts_are_sentences_and_actions_phrases(self):
        for prefix, kind, entry in self.entries():
            name = f'{prefix} {kind} {entry.id}'
            if kind == 'actions':
                self.assertFalse(entry.text.endswith('.'), name)
            else:
                self.assertTrue(entry.text.endswith('.'), name)
                self.assertTrue(entry.text[0].isupper(), name)
                self.assertTrue(
                    entry.remedy is None or entry.remedy.endswith('.'), name)

    def test_what_a_user_can_mend_has_a_remedy(self):
        for prefix, kind, entry in self.entries():
            if kind != 'actions' and entry.user_fixable:
                self.assertTrue(entry.remedy, f'{prefix} {kind} {entry.id}')

    def test_every_translation_is_complete(self):
        for path in languages():
            document = yamlfile.load(path)
            self.assertTrue(document['unknown_event'])
            self.assertEqual(path.stem, document['language'])
            for prefix, kind, entry in self.entries():
                name = f'{path.name} {prefix} {kind} {entry.id}'
                words = document['prefixes'][prefix][kind].get(
                    entry.id.rpartition('_')[2], {})
                self.assertTrue(words.get('text'), name)
                self.assertEqual(bool(getattr(entry, 'remedy', None)),
                                 bool(words.get('remedy')), name)

    def test_no_translation_is_the_english_text(self):
        english = dict(texts(self.catalogue, 'en'))
        for language in self.catalogue.languages[1:]:
            for key, text in texts(self.catalogue, language):
                self.assertNotEqual(english[key], text, f'{language} {key}')

    def test_the_general_text_is_translated(self):
        found = [self.catalogue.describe('NOPE_000001', language).text
                 for language in self.catalogue.languages]
        self.assertEqual(len(found), len(set(found)))


def languages():
    directory = pathlib.Path(loader.__file__).with_name('languages')
    return [path for path in sorted(directory.iterdir())
            if fnmatch.fnmatch(path.name, '*.yaml')]


def texts(known, language):
    for prefix, kind, entry_id, _constant, text, _remedy in known.texts(
            language):
        yield (prefix, kind, entry_id), text
