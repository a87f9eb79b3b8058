# SPDX-License-Identifier: Apache-2.0
import testtools
from testtools import matchers

from usermsg.catalogue import entries
from usermsg import exception
from usermsg.tests.fixtures import robots


class NamespaceTest(testtools.TestCase):

    def refused(self, reason, prefix='ACME', **changes):
        error = self.assertRaises(
            exception.ConfigurationError,
            entries.Namespace, prefix, **{
                'resource_types': ['ROBOT'], 'events': robots.RobotEvents,
                'actions': robots.RobotActions,
                'details': robots.RobotDetails, **changes})
        self.assertThat(str(error),
                        matchers.StartsWith(f'catalogue {prefix}: '))
        self.assertIn(reason, str(error))

    def test_a_good_one(self):
        found = robots.acme()
        self.assertEqual(['001', '002'], list(found.actions))
        self.assertEqual('NO_POWER', found.details['002'].constant)
        self.assertEqual(('ROBOT',), found.resource_types)
        self.assertEqual(['ACME_000001'], list(found.events))

    def test_it_cannot_be_changed(self):
        found = robots.acme()
        self.assertRaises(TypeError, _set_item, found.actions, '009', None)
        self.assertRaises(AttributeError, setattr, found.details['002'],
                          'text', 'anything')

    def test_entries_from_an_iterable(self):
        found = robots.acme(actions=iter([entries.Action(
            '007', 'dance', constant='DANCE')]))
        self.assertEqual('dance', found.actions['007'].text)

    def test_a_bad_prefix(self):
        for prefix in ('', 'acme', 'ACME_CORP', 'A', '1ACME', 'A' * 33,
                       'ACME\n', '\xc4CME'):
            self.refused('not a valid prefix', prefix)

    def test_a_bad_resource_type(self):
        for name in ('', 'robot', 'R', 'ROBOT-2', '_ROBOT', 'R' * 65,
                     'ROBOT '):
            self.refused('is not a valid resource type',
                         resource_types=[name])

    def test_a_resource_type_that_stands_twice(self):
        self.refused('ROBOT stands twice', resource_types=['ROBOT', 'ROBOT'])

    def test_a_bad_id(self):
        for bad in ('1', '0001', 'abc', '', '\u0660\u0660\u0661'):
            self.refused('the id is not of the form', actions=[
                entries.Action(bad, 'x', constant='X')])
            self.refused('the id is not of the form', details=[
                entries.Detail(bad, 'x', constant='X')])
        for bad in ('000001', 'ACME_1', 'VOLUME_000001', 'ACME_0000001'):
            self.refused('the id is not of the form', events=[
                entries.Event(bad, 'x', constant='X')])

    def test_an_id_that_stands_twice(self):
        self.refused('action 001 stands twice', actions=[
            entries.Action('001', 'x', constant='X'),
            entries.Action('001', 'y', constant='Y')])

    def test_a_constant_that_stands_twice(self):
        self.refused('X stands twice', actions=[
            entries.Action('001', 'x', constant='X'),
            entries.Action('002', 'y', constant='X')])

    def test_a_bad_constant(self):
        self.refused('the constant is empty', actions=[
            entries.Action('001', 'x')])
        for constant in ('lower', '1X', 'A-B', 'X '):
            self.refused('is not a constant', actions=[
                entries.Action('001', 'x', constant=constant)])

    def test_an_entry_of_another_kind(self):
        self.refused('is not one of the actions', actions=robots.RobotDetails)
        self.refused('is not one of the details', details=['001'])

    def test_a_bad_text(self):
        for text in ('', ' ', 5, 'two\nlines', 'a\tb', '\x7f', '\x9b',
                     'a\u2028b', '\ud800'):
            self.refused('the text', actions=[
                entries.Action('001', text, constant='X')])
            self.refused('the remedy', events=[
                entries.Event('ACME_000001', 'x', text, constant='X')])
        self.refused('the text is empty', actions=[
            entries.Action('001', None, constant='X')])

    def test_bad_flags_and_exceptions(self):
        for flag in ('user_fixable', 'retryable'):
            self.refused('must be true or false', details=[
                entries.Detail('001', 'x', constant='X', **{flag: 'no'})])
        for names in ('Boom', None, (5,)):
            self.refused('must be a list of names', details=[
                entries.Detail('001', 'x', constant='X', exceptions=names)])

    def test_a_bad_link(self):
        for link in ('http://example.org/', 'example.org', '',
                     'https://example.org/\n', 'javascript:alert(1)'):
            self.refused('the link', events=[entries.Event(
                'ACME_000001', 'x', link=link, constant='X')])

    def test_actions_need_the_unknown_detail(self):
        self.refused('it needs the detail 001', details=[
            entries.Detail('002', 'x', constant='X')])
        self.refused('it needs the detail 001', details=[])

    def test_actions_need_resource_types(self):
        self.refused('it needs resource types', resource_types=[])

    def test_an_exception_that_means_two_details(self):
        self.refused('the exception Boom means two details', details=[
            entries.Detail('001', 'x', constant='X', exceptions=('Boom',)),
            entries.Detail('002', 'y', constant='Y',
                           exceptions=('Boom',))])


def _set_item(mapping, key, value):
    mapping[key] = value
