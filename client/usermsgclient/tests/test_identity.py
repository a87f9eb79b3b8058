# SPDX-License-Identifier: Apache-2.0
import types

from osc_lib import exceptions

from usermsgclient.osc import identity
from usermsgclient.tests import base

_FORBIDDEN = {'status_code': 403, 'json': {'error': {
    'code': 403, 'message': 'You are not authorized.'}}}
_MISSING = {'status_code': 404, 'json': {'error': {
    'code': 404, 'message': 'Could not find it.'}}}


class TestIdentity(base.CommandTestCase):

    def answers(self, kind, ident, found, listed=()):
        """What Keystone says of an id or a name, and of all of that name."""
        self.cloud.get(f'{base.IDENTITY}/{kind}s/{ident}', **found)
        if isinstance(listed, dict):
            self.cloud.get(f'{base.IDENTITY}/{kind}s', **listed)
        else:
            self.cloud.get(f'{base.IDENTITY}/{kind}s',
                           json={f'{kind}s': list(listed)})

    def refusal_of(self, name, domain=None):
        return str(self.assertRaises(
            exceptions.CommandError, identity.project_id, self.manager, name,
            domain))

    def test_an_id_is_found(self):
        self.answers('project', 'p1', {
            'json': {'project': {'id': 'p1', 'name': 'red'}}})
        self.assertEqual('p1', identity.project_id(self.manager, 'p1'))

    def test_a_name_is_found(self):
        for kind, look_up in (('project', identity.project_id),
                              ('user', identity.user_id)):
            self.answers(kind, 'red', _MISSING, [{'id': 'i1', 'name': 'red'}])
            self.assertEqual('i1', look_up(self.manager, 'red'))

    def test_a_name_is_looked_for_in_its_domain(self):
        self.answers('domain', 'some', _MISSING,
                     [{'id': 'd1', 'name': 'some'}])
        self.answers('project', 'red', _MISSING,
                     [{'id': 'p1', 'name': 'red', 'domain_id': 'd1'}])
        self.assertEqual(
            'p1', identity.project_id(self.manager, 'red', 'some'))
        self.assertEqual(['d1'], self.cloud.last_request.qs['domain_id'])

    def test_a_name_that_does_not_exist_is_refused(self):
        self.answers('project', 'red', _MISSING)
        self.assertEqual('No project with a name or ID of red exists.',
                         self.refusal_of('red'))

    def test_a_domain_that_does_not_exist_is_refused(self):
        self.answers('domain', 'some', _MISSING)
        self.assertEqual('No domain with a name or ID of some exists.',
                         self.refusal_of('red', 'some'))

    def test_a_name_of_several_is_refused(self):
        self.answers('project', 'red', _MISSING, [
            {'id': 'p1', 'name': 'red'}, {'id': 'p2', 'name': 'red'}])
        self.assertIn('give its ID, or its domain with --project-domain',
                      self.refusal_of('red'))

    def test_what_is_left_of_a_deleted_project_can_be_named_by_id(self):
        self.answers('project', base.PROJECT, _MISSING)
        self.assertEqual(
            base.PROJECT, identity.project_id(self.manager, base.PROJECT))

    def test_who_may_not_look_up_names_gives_an_id(self):
        self.answers('project', 'red', _FORBIDDEN, _FORBIDDEN)
        self.assertEqual(
            'You may not look up the project red by its name; give its ID.',
            self.refusal_of('red'))
        for ident in (base.PROJECT, base.PROJECT * 2, base.VOLUME):
            self.answers('project', ident, _FORBIDDEN, _FORBIDDEN)
            self.assertEqual(
                ident, identity.project_id(self.manager, ident))

    def test_everybody_knows_their_own_names(self):
        self.manager.auth_ref = types.SimpleNamespace(
            project_id='p1', project_name='red', project_domain_id='default',
            project_domain_name='Default', user_id='u1', username='alice',
            user_domain_id='default', user_domain_name='Default')
        for kind, ident in (('project', 'red'), ('project', 'p1'),
                            ('user', 'alice'), ('domain', 'Default'),
                            ('domain', 'other')):
            self.answers(kind, ident, _FORBIDDEN, _FORBIDDEN)
        for name in ('red', 'p1'):
            self.assertEqual('p1', identity.project_id(self.manager, name))
        self.assertEqual(
            'p1', identity.project_id(self.manager, 'red', 'Default'))
        self.assertEqual('u1', identity.user_id(self.manager, 'alice'))
        self.assertIn('You may not look up', self.refusal_of('red', 'other'))

    def test_without_keystone_an_id_is_not_looked_up(self):
        self.manager.auth_ref = None
        for ident in (base.PROJECT, base.VOLUME):
            self.assertEqual(
                ident, identity.project_id(self.manager, ident))
            self.assertEqual(
                ident, identity.user_id(self.manager, ident, 'Default'))
        self.assertEqual([], [request.url for request in
                              self.cloud.request_history
                              if request.url.startswith(base.IDENTITY)])

    def test_without_keystone_there_are_no_names(self):
        self.manager.auth_ref = None
        self.assertEqual(
            'Names cannot be looked up without Keystone; give the ID of the '
            'project red.', self.refusal_of('red'))
