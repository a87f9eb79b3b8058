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

    def serve(self, kind, ident, element, collection=()):
        """Set Keystone's responses for one id or name, and for a list.

        :param element: parameters of requests-mock
        :param collection: projects or users in the list, or parameters of
            requests-mock
        """
        self.cloud.get(f'{base.IDENTITY}/{kind}s/{ident}', **element)
        if isinstance(collection, dict):
            self.cloud.get(f'{base.IDENTITY}/{kind}s', **collection)
        else:
            self.cloud.get(f'{base.IDENTITY}/{kind}s',
                           json={f'{kind}s': list(collection)})

    def error_of(self, name, domain=None):
        return str(self.assertRaises(
            exceptions.CommandError, identity.project_id, self.manager, name,
            domain))

    def test_project_id_returns_an_existing_id(self):
        self.serve('project', 'p1', {
            'json': {'project': {'id': 'p1', 'name': 'red'}}})
        self.assertEqual('p1', identity.project_id(self.manager, 'p1'))

    def test_look_up_by_name_returns_the_id(self):
        for kind, look_up in (('project', identity.project_id),
                              ('user', identity.user_id)):
            self.serve(kind, 'red', _MISSING, [{'id': 'i1', 'name': 'red'}])
            self.assertEqual('i1', look_up(self.manager, 'red'))

    def test_project_id_with_domain_searches_that_domain(self):
        self.serve('domain', 'some', _MISSING,
                   [{'id': 'd1', 'name': 'some'}])
        self.serve('project', 'red', _MISSING,
                   [{'id': 'p1', 'name': 'red', 'domain_id': 'd1'}])
        self.assertEqual(
            'p1', identity.project_id(self.manager, 'red', 'some'))
        self.assertEqual(['d1'], self.cloud.last_request.qs['domain_id'])

    def test_project_id_with_unknown_name_is_an_error(self):
        self.serve('project', 'red', _MISSING)
        self.assertEqual('No project with a name or ID of red exists.',
                         self.error_of('red'))

    def test_project_id_with_unknown_domain_is_an_error(self):
        self.serve('domain', 'some', _MISSING)
        self.assertEqual('No domain with a name or ID of some exists.',
                         self.error_of('red', 'some'))

    def test_project_id_with_ambiguous_name_is_an_error(self):
        self.serve('project', 'red', _MISSING, [
            {'id': 'p1', 'name': 'red'}, {'id': 'p2', 'name': 'red'}])
        self.assertIn('give its ID, or its domain with --project-domain',
                      self.error_of('red'))

    def test_project_id_of_deleted_project_returns_the_id(self):
        self.serve('project', base.PROJECT, _MISSING)
        self.assertEqual(
            base.PROJECT, identity.project_id(self.manager, base.PROJECT))

    def test_project_id_without_permission_accepts_only_ids(self):
        self.serve('project', 'red', _FORBIDDEN, _FORBIDDEN)
        self.assertEqual(
            'You may not look up the project red by its name; give its ID.',
            self.error_of('red'))
        for ident in (base.PROJECT, base.PROJECT * 2, base.VOLUME):
            self.serve('project', ident, _FORBIDDEN, _FORBIDDEN)
            self.assertEqual(
                ident, identity.project_id(self.manager, ident))

    def test_look_up_without_permission_finds_names_of_the_token(self):
        self.manager.auth_ref = types.SimpleNamespace(
            project_id='p1', project_name='red', project_domain_id='default',
            project_domain_name='Default', user_id='u1', username='alice',
            user_domain_id='default', user_domain_name='Default')
        for kind, ident in (('project', 'red'), ('project', 'p1'),
                            ('user', 'alice'), ('domain', 'Default'),
                            ('domain', 'other')):
            self.serve(kind, ident, _FORBIDDEN, _FORBIDDEN)
        for name in ('red', 'p1'):
            self.assertEqual('p1', identity.project_id(self.manager, name))
        self.assertEqual(
            'p1', identity.project_id(self.manager, 'red', 'Default'))
        self.assertEqual('u1', identity.user_id(self.manager, 'alice'))
        self.assertIn('You may not look up', self.error_of('red', 'other'))

    def test_look_up_without_keystone_returns_ids_unchecked(self):
        self.manager.auth_ref = None
        for ident in (base.PROJECT, base.VOLUME):
            self.assertEqual(
                ident, identity.project_id(self.manager, ident))
            self.assertEqual(
                ident, identity.user_id(self.manager, ident, 'Default'))
        self.assertEqual([], [request.url for request in
                              self.cloud.request_history
                              if request.url.startswith(base.IDENTITY)])

    def test_look_up_of_name_without_keystone_is_an_error(self):
        self.manager.auth_ref = None
        self.assertEqual(
            'Names cannot be looked up without Keystone; give the ID of the '
            'project red.', self.error_of('red'))
