# SPDX-License-Identifier: Apache-2.0
"""Admin > Messages."""

from django.core.cache import cache
from django.urls import reverse
import requests

from usermsg_dashboard.tests.unit import base

INDEX = reverse('horizon:admin:usermsg:index')
DELETE = reverse('horizon:admin:usermsg:delete')
PROJECTS = 'http://public.keystone.example.com/identity/v3/projects'
OTHER = '6c430ede9476412888388d3929ced223'


def make_message(number=1, **values):
    message = base.make_message(number, project_id=OTHER, **values)
    del message['unread']
    return message


class AdminMessagesTest(base.TestCase):

    role_names = ('admin', 'member', 'reader')

    def setUp(self):
        super().setUp()
        self.project = self.service.get(
            f'{PROJECTS}/{OTHER}', json={'project': {'name': 'blue & <b>'}})
        self.search = self.service.get(PROJECTS, json={'projects': []})

    def get(self, **query):
        return self.client.get(INDEX, query)

    def test_list_is_of_all_projects(self):
        self.fake_list(make_message())
        text = self.read_text(self.get())
        self.assertIn('No storage could be allocated (1).', text)
        self.assertIn('blue & <b>', text)
        self.assertEqual({'limit': ['20'], 'all_projects': ['true']},
                         self.sent()[0].qs)

    def test_name_of_a_project_is_looked_up_once(self):
        self.fake_list(make_message(1), make_message(2))
        self.get()
        self.get()
        self.assertEqual(1, self.project.call_count)

    def test_project_that_was_deleted_is_shown_with_its_id(self):
        self.service.get(f'{PROJECTS}/{OTHER}', status_code=404)
        self.fake_list(make_message())
        self.assertIn(OTHER, self.read_text(self.get()))

    def test_project_is_shown_with_its_id_if_keystone_is_unavailable(self):
        self.service.get(f'{PROJECTS}/{OTHER}', status_code=503)
        self.fake_list(make_message())
        text = self.read_text(self.get())
        self.assertIn(OTHER, text)
        self.assertNotIn('unavailable', text)

    def test_failure_to_find_a_project_is_not_kept(self):
        self.fake_list(make_message())
        for options in ({'status_code': 403}, {'text': '<html>'}):
            self.service.get(f'{PROJECTS}/{OTHER}', **options)
            self.get()
            self.service.get(f'{PROJECTS}/{OTHER}',
                             json={'project': {'name': 'blue'}})
            self.assertIn('blue', self.read_text(self.get()))
            cache.clear()

    def test_page_of_a_message_looks_its_project_up_once(self):
        self.service.get(f'{PROJECTS}/{OTHER}',
                         exc=requests.exceptions.ReadTimeout)
        self.fake_message(make_message())
        self.fake_list(make_message(1), make_message(2))
        text = self.read_text(self.client.get(reverse(
            'horizon:admin:usermsg:detail', args=[base.make_id(1)])))
        self.assertIn('No storage could be allocated (2).', text)
        self.assertEqual(1, len([
            request for request in self.service.request_history
            if request.url.startswith(PROJECTS)]))

    def test_filter_by_id_of_a_project(self):
        self.fake_list()
        self.get(project=OTHER)
        self.assertEqual({'limit': ['20'], 'all_projects': ['true'],
                          'project_id': [OTHER]}, self.sent()[0].qs)

    def test_filter_by_name_of_a_project(self):
        self.service.get(f'{PROJECTS}?name=blue',
                         json={'projects': [{'id': OTHER}]})
        self.fake_list()
        self.get(project='blue')
        self.assertEqual([OTHER], self.sent()[0].qs['project_id'])

    def test_name_of_several_projects_is_explained(self):
        self.service.get(PROJECTS, json={
            'projects': [{'id': OTHER}, {'id': 'x'}]})
        self.fake_list()
        self.assertIn('Several projects have this name.',
                      self.read_text(self.get(project='blue')))
        self.assertEqual([], self.sent())

    def test_messages_are_not_marked_as_read(self):
        self.fake_list(make_message())
        response = self.get()
        self.assertNotIn('Mark all as read', self.read_text(response))
        self.assertNotContains(response, 'usermsg-unread')

    def test_resource_is_linked_in_the_dashboard_of_administrators(self):
        self.fake_message(make_message())
        self.service.get('http://public.cinder.example.com:8776/v3/volumes/'
                         f'{base.VOLUME_ID}', json={})
        response = self.client.get(reverse(
            'horizon:admin:usermsg:resource', args=[base.make_id(1)]))
        self.assertRedirectsNoFollow(response, reverse(
            'horizon:admin:volumes:detail', args=[base.VOLUME_ID]))

    def test_detail_has_the_project_and_its_related_messages(self):
        self.fake_message(make_message())
        self.fake_list(make_message(1), make_message(2))
        text = self.read_text(self.client.get(reverse(
            'horizon:admin:usermsg:detail', args=[base.make_id(1)])))
        self.assertIn(f'blue & <b> ({OTHER})', text)
        self.assertIn('No storage could be allocated (2).', text)
        self.assertEqual([[OTHER]] * 2, [
            request.qs['project_id'] for request in self.sent()[1:]])

    def test_administrator_deletes_messages(self):
        self.service.delete(f'{base.API}/messages/{base.make_id(1)}',
                            status_code=204)
        response = self.client.post(DELETE, {
            'message': base.make_id(1), 'confirmed': 'yes'})
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(1, len(self.sent('DELETE')))


class MemberTest(base.TestCase):

    def test_panel_is_for_administrators(self):
        for url in (INDEX, DELETE):
            self.assertEqual(403, self.client.get(url).status_code)
        self.assertEqual([], self.service.request_history)
