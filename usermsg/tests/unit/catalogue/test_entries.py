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

    def test_valid_namespace_indexes_its_entries(self):
        namespace = robots.acme()
        self.assertEqual(['001', '002'], list(namespace.actions))
        self.assertEqual('NO_POWER', namespace.details['002'].constant)
        self.assertEqual(('ROBOT',), namespace.resource_types)
        self.assertEqual(['ACME_000001'], list(namespace.events))

    def test_namespace_is_immutable(self):
        namespace = robots.acme()
        self.assertRaises(TypeError, _set_item, namespace.actions, '009', None)
        self.assertRaises(AttributeError, setattr, namespace.details['002'],
                          'text', 'anything')

    def test_entries_can_be_an_iterable(self):
        namespace = robots.acme(actions=iter([entries.Action(
            '007', 'dance', constant='DANCE')]))
        self.assertEqual('dance', namespace.actions['007'].text)

    def test_invalid_prefix_is_refused(self):
        for prefix in ('', 'acme', 'A', '1ACME', 'A' * 33, 'ACME\n',
                       '\xc4CME', 'ACME_', '_ACME', 'ACME__CORP', 'A_' * 17):
            self.refused('not a valid prefix', prefix)

    def test_prefix_may_contain_underscores(self):
        for prefix in ('ACME_CORP', 'A_1', 'A' * 32, f'{"A" * 15}_{"B" * 16}'):
            self.assertEqual(prefix, entries.Namespace(prefix).prefix)

    def test_invalid_resource_type_is_refused(self):
        for name in ('', 'robot', 'R', 'ROBOT-2', '_ROBOT', 'R' * 65,
                     'ROBOT '):
            self.refused('is not a valid resource type',
                         resource_types=[name])

    def test_duplicate_resource_type_is_refused(self):
        self.refused('duplicate resource type ROBOT',
                     resource_types=['ROBOT', 'ROBOT'])

    def test_invalid_id_is_refused(self):
        for bad in ('1', '0001', 'abc', '', '\u0660\u0660\u0661'):
            self.refused('the id does not match', actions=[
                entries.Action(bad, 'x', constant='X')])
            self.refused('the id does not match', details=[
                entries.Detail(bad, 'x', constant='X')])
        for bad in ('000001', 'ACME_1', 'VOLUME_000001', 'ACME_0000001'):
            self.refused('the id does not match', events=[
                entries.Event(bad, 'x', constant='X')])

    def test_duplicate_id_is_refused(self):
        self.refused('duplicate action 001', actions=[
            entries.Action('001', 'x', constant='X'),
            entries.Action('001', 'y', constant='Y')])

    def test_duplicate_constant_is_refused(self):
        self.refused('duplicate constant X', actions=[
            entries.Action('001', 'x', constant='X'),
            entries.Action('002', 'y', constant='X')])

    def test_invalid_constant_is_refused(self):
        self.refused('the constant is empty', actions=[
            entries.Action('001', 'x')])
        for constant in ('lower', '1X', 'A-B', 'X '):
            self.refused('is not a valid constant', actions=[
                entries.Action('001', 'x', constant=constant)])

    def test_entry_of_other_kind_is_refused(self):
        self.refused('is not an entry of the actions',
                     actions=robots.RobotDetails)
        self.refused('is not an entry of the details', details=['001'])

    def test_invalid_text_is_refused(self):
        for text in ('', ' ', 5, 'two\nlines', 'a\tb', '\x7f', '\x9b',
                     'a\u2028b', '\ud800'):
            self.refused('the text', actions=[
                entries.Action('001', text, constant='X')])
            self.refused('the remedy', events=[
                entries.Event('ACME_000001', 'x', text, constant='X')])
        self.refused('the text is empty', actions=[
            entries.Action('001', None, constant='X')])

    def test_invalid_flags_and_exceptions_are_refused(self):
        for flag in ('user_fixable', 'retryable'):
            self.refused('must be true or false', details=[
                entries.Detail('001', 'x', constant='X', **{flag: 'no'})])
        for names in ('Boom', None, (5,)):
            self.refused('must be a list of names', details=[
                entries.Detail('001', 'x', constant='X', exceptions=names)])

    def test_invalid_link_is_refused(self):
        for link in ('http://example.org/', 'example.org', '',
                     'https://example.org/\n', 'javascript:alert(1)'):
            self.refused('the link', events=[entries.Event(
                'ACME_000001', 'x', link=link, constant='X')])

    def test_actions_require_the_unknown_detail(self):
        self.refused('requires the detail 001', details=[
            entries.Detail('002', 'x', constant='X')])
        self.refused('requires the detail 001', details=[])

    def test_actions_require_resource_types(self):
        self.refused('requires resource types', resource_types=[])

    def test_exception_of_two_details_is_refused(self):
        self.refused('the exception Boom is mapped to two details', details=[
            entries.Detail('001', 'x', constant='X', exceptions=('Boom',)),
            entries.Detail('002', 'y', constant='Y',
                           exceptions=('Boom',))])


def _set_item(mapping, key, value):
    mapping[key] = value
