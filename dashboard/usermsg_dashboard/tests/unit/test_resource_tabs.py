# SPDX-License-Identifier: Apache-2.0
"""Tabs Messages on the pages of resources."""

import ast
import html
import json
import pathlib
import re
import types
import urllib.parse

from django.test.utils import override_settings
from django.urls import reverse
from django.utils import module_loading
from django.utils import timezone
from django.utils import translation
from openstack_dashboard import api
from openstack_dashboard.api.rest import policy
from openstack_dashboard.dashboards.admin.instances import tabs as admin_tabs
from openstack_dashboard.dashboards.project.instances import tabs as instances
from openstack_dashboard.dashboards.project.snapshots import tabs as snapshots
from openstack_dashboard.dashboards.project.volumes import tabs as volumes
from openstack_dashboard.test import helpers
import requests

import usermsg_dashboard
from usermsg_dashboard.enabled import _6050_usermsg_tabs as enabled
from usermsg_dashboard import resource_tabs
from usermsg_dashboard.tests.unit import base

ID = base.VOLUME_ID


class TabTestCase(base.TestCase):

    dashboard = 'project'

    def setUp(self):
        super().setUp()
        # For Horizon's own tabs of an instance.
        self.service.get('http://public.neutron.example.com:9696/v2.0/'
                         'extensions', json={'extensions': []})

    def make_tabs(self, group=instances.InstanceDetailTabs,
                  resource='instance', **query):
        """Return a group of tabs, as the page of a resource builds it."""
        request = self.factory.get('/', query)
        request.session = {}
        request.horizon = {'dashboard': types.SimpleNamespace(
            slug=self.dashboard)}
        return group(request, **{resource: types.SimpleNamespace(id=ID)})

    def render(self):
        """Return the text of the tab on an instance's page, and its HTML."""
        tab = self.make_tabs(
            tab='instance_details__usermsg').get_tab('usermsg')
        content = tab.render()
        return ' '.join(html.unescape(
            re.sub('<[^>]+>', ' ', content)).split()), content


class TabTest(TabTestCase):

    def test_tab_lists_the_messages_of_the_resource(self):
        self.fake_list(base.make_message(2), base.make_message(1))
        text, content = self.render()
        self.assertLess(text.index('No storage could be allocated (2).'),
                        text.index('No storage could be allocated (1).'))
        self.assertIn('Request a smaller volume.', text)
        self.assertIn(reverse('horizon:project:usermsg:detail',
                              args=[base.make_id(2)]), content)
        # The page names the resource.
        self.assertNotIn('Resource', text)
        [request] = self.sent()
        self.assertEqual({'resource_uuid': [ID], 'limit': ['20']}, request.qs)

    def test_other_messages_are_linked(self):
        self.fake_list(base.make_message(), more=True)
        text, content = self.render()
        self.assertIn('Show all', text)
        url = reverse('horizon:project:usermsg:index')
        self.assertIn(f'href="{url}?resource_id={ID}"', content)

    def test_all_messages_need_no_link(self):
        self.fake_list(base.make_message())
        self.assertNotIn('Show all', self.render()[0])

    def test_no_messages(self):
        self.fake_list()
        self.assertEqual('This project has no messages about this resource.',
                         self.render()[0])

    def test_messages_cannot_be_deleted_here(self):
        self.fake_list(base.make_message())
        text, content = self.render()
        self.assertNotIn('Delete', text)
        self.assertNotIn('<input', content)

    def test_text_is_escaped(self):
        unsafe = '<script>alert("1")</script> {$ 1+1 $} \N{FIRE}'
        self.fake_list(base.make_message(user_message=unsafe, remedy=unsafe))
        _, content = self.render()
        self.assertNotIn('<script', content)
        # Angular compiles the content.
        self.assertNotIn('{$', content)
        self.assertIn('\N{FIRE}', content)

    def test_failures_of_the_service_are_explained_in_the_tab(self):
        for options, expected in (
                ({'status_code': 503}, 'temporarily unavailable'),
                ({'status_code': 403}, 'Your roles do not permit this.'),
                ({'status_code': 404}, 'did not respond as expected'),
                ({'exc': requests.exceptions.ReadTimeout},
                 'did not respond in time'),
                ({'text': '<html>'}, 'did not respond as expected')):
            self.service.get(f'{base.API}/messages', **options)
            text, _ = self.render()
            self.assertIn(expected, text)
            self.assertNotIn('no messages', text)

    def test_tab_is_in_the_language_of_the_user(self):
        self.fake_list(base.make_message())
        with translation.override('de'):
            text, content = self.render()
        self.assertIn('Fehler', text)
        self.assertIn('lang="de"', content)

    def test_tab_sends_no_request_until_it_is_selected(self):
        group = self.make_tabs()
        self.assertFalse(group.get_tab('usermsg').preload)
        self.assertEqual('', group.get_tab('usermsg').render())
        self.assertEqual([], self.sent())

    def test_tab_is_the_last(self):
        self.assertEqual('usermsg', self.make_tabs().get_tabs()[-1].slug)


class GroupsTest(TabTestCase):

    @override_settings(USERMSG_VOLUME_TAB=True)
    def test_all_groups_exist_and_have_the_tab(self):
        for group, [(_priority, tab)] in enabled.EXTRA_TABS.items():
            tab = module_loading.import_string(tab)
            page = self.make_tabs(module_loading.import_string(group),
                                  tab.resource)
            self.assertIs(tab, type(page.get_tab(tab.slug)))

    def test_tab_replaces_that_of_snapshots(self):
        self.assertEqual(
            [snapshots.OverviewTab, resource_tabs.SnapshotTab],
            self.read_classes(snapshots.SnapshotDetailTabs, 'snapshot'))

    def test_tab_of_volumes_is_that_of_horizon(self):
        self.assertEqual(
            [volumes.OverviewTab, volumes.SnapshotTab,
             volumes.VolumeMessagesTab],
            self.read_classes(volumes.VolumeDetailTabs, 'volume'))

    @override_settings(USERMSG_VOLUME_TAB=True)
    def test_setting_replaces_the_tab_of_volumes(self):
        self.assertEqual(
            [volumes.OverviewTab, volumes.SnapshotTab,
             resource_tabs.VolumeTab],
            self.read_classes(volumes.VolumeDetailTabs, 'volume'))

    def read_classes(self, group, resource):
        return [type(tab) for tab in self.make_tabs(
            group, resource).get_tabs()]


class AdminTest(TabTestCase):

    dashboard = 'admin'
    role_names = ('admin', 'member', 'reader')

    def test_tab_lists_messages_of_all_projects(self):
        self.fake_list(base.make_message(project_id='2'))
        self.service.get(re.compile('/projects/2$'),
                         json={'project': {'id': '2', 'name': 'demo'}})
        group = self.make_tabs(admin_tabs.AdminInstanceDetailTabs,
                               tab='instance_details__usermsg')
        content = group.get_tab('usermsg').render()
        self.assertEqual(['true'], self.sent()[0].qs['all_projects'])
        self.assertIn(reverse('horizon:admin:usermsg:detail',
                              args=[base.make_id(1)]), content)

    def test_content_for_images_is_of_all_projects(self):
        self.fake_list()
        response = self.client.get(
            reverse('horizon:admin:usermsg:resource_messages'),
            {'resource_id': ID})
        self.assertContains(response,
                            'There are no messages about this resource.')
        self.assertEqual(['true'], self.sent()[0].qs['all_projects'])


class MemberInAdminTest(TabTestCase):

    dashboard = 'admin'

    def test_tab_is_hidden(self):
        self.assertIsNone(self.make_tabs(
            admin_tabs.AdminInstanceDetailTabs).get_tab('usermsg'))


class ReaderTest(TabTestCase):

    role_names = ('reader',)

    def test_reader_has_the_tab(self):
        self.fake_list(base.make_message())
        text, _ = self.render()
        self.assertIn('No storage could be allocated (1).', text)
        self.assertNotIn('Delete', text)


class WithoutRoleTest(TabTestCase):

    role_names = ('auditor',)

    def test_tab_is_hidden(self):
        self.assertIsNone(self.make_tabs().get_tab('usermsg'))


class WithoutServiceTest(TabTestCase):

    endpoint = None

    def test_tab_is_hidden(self):
        self.assertIsNone(self.make_tabs().get_tab('usermsg'))

    def test_tab_of_horizon_remains(self):
        group = self.make_tabs(snapshots.SnapshotDetailTabs, 'snapshot')
        self.assertIsInstance(group.get_tab('messages_tab'),
                              snapshots.SnapshotMessagesTab)


@override_settings(ROOT_URLCONF=())
class WithoutPanelTest(WithoutServiceTest):

    endpoint = base.ENDPOINT


class PageTest(base.TestCase):
    """Page of a snapshot, with its tab."""

    def get(self, **headers):
        snapshot = self.cinder_volume_snapshots.first()
        self.mock_volume_snapshot_get.return_value = snapshot
        self.mock_volume_get.return_value = self.cinder_volumes.first()
        return self.client.get(
            reverse('horizon:project:snapshots:detail', args=[snapshot.id]),
            {'tab': 'snapshot_details__messages_tab'}, headers=headers)

    @helpers.create_mocks(
        {api.cinder: ['volume_snapshot_get', 'volume_get']})
    def test_page_with_the_tab(self):
        self.fake_list(base.make_message())
        self.assertIn('No storage could be allocated (1).',
                      self.read_text(self.get()))

    @helpers.create_mocks(
        {api.cinder: ['volume_snapshot_get', 'volume_get']})
    def test_content_for_the_script_leaves_the_session_unchanged(self):
        self.fake_list(base.make_message())
        self.assertIn('sessionid', self.get().cookies)
        response = self.get(**{'X-Requested-With': 'XMLHttpRequest'})
        self.assertContains(response, 'No storage could be allocated (1).')
        self.assertNotContains(response, '<html')
        self.assertNotIn('sessionid', response.cookies)

    @helpers.create_mocks(
        {api.cinder: ['volume_snapshot_get', 'volume_get']})
    def test_content_for_the_script_is_in_the_time_zone_of_the_user(self):
        self.client.cookies['django_timezone'] = 'Asia/Tokyo'
        self.fake_list(base.make_message(0))
        with timezone.override('America/New_York'):
            response = self.get(**{'X-Requested-With': 'XMLHttpRequest'})
        self.assertContains(response, 'title="2026-11-22 07:00:00 JST"')

    @helpers.create_mocks(
        {api.cinder: ['volume_snapshot_get', 'volume_get']})
    def test_expired_token_leads_to_the_login(self):
        self.service.get(f'{base.API}/messages', status_code=401)
        response = self.get()
        self.assertEqual(302, response.status_code)
        self.assertEqual('/auth/login/',
                         urllib.parse.urlsplit(response['Location']).path)


class ImageTabTest(base.TestCase):
    """Check of the policy rule by the script that adds the tab."""

    allowed = True

    def test_permission_of_the_user(self):
        script = (pathlib.Path(usermsg_dashboard.__file__).parent / 'static' /
                  'usermsg' / 'image-messages.module.js').read_text()
        [rules] = re.findall(r"ifAllowed\({rules: (.*)}\)", script)
        response = policy.Policy().post(self.factory.post(
            '/api/policy/', json.dumps({'rules': ast.literal_eval(rules)}),
            'application/json',
            headers={'X-Requested-With': 'XMLHttpRequest'}))
        self.assertEqual({'allowed': self.allowed},
                         json.loads(response.content))


class ImageTabOfReaderTest(ImageTabTest):

    role_names = ('reader',)


class ImageTabWithoutRoleTest(ImageTabTest):

    role_names = ('auditor',)
    allowed = False


class ResourceMessagesViewTest(base.TestCase):
    """Content of the tab on the page of an image."""

    def get(self, **query):
        return self.client.get(
            reverse('horizon:project:usermsg:resource_messages'), query)

    def test_content_is_a_part_of_a_page(self):
        self.fake_list(base.make_message())
        response = self.get(resource_id=ID)
        self.assertContains(response, 'No storage could be allocated (1).')
        self.assertNotContains(response, '<html')
        self.assertEqual([ID], self.sent()[0].qs['resource_uuid'])

    def test_times_are_in_the_time_zone_of_the_user(self):
        self.client.cookies['django_timezone'] = 'Asia/Tokyo'
        self.fake_list(base.make_message(0))
        with timezone.override('America/New_York'):
            response = self.client.get(
                reverse('horizon:project:usermsg:resource_messages'),
                {'resource_id': ID},
                headers={'X-Requested-With': 'XMLHttpRequest'})
        self.assertContains(response, 'title="2026-11-22 07:00:00 JST"')

    def test_session_is_not_saved(self):
        self.fake_list()
        self.assertNotIn('sessionid', self.get(resource_id=ID).cookies)

    def test_content_in_admin_is_for_administrators(self):
        response = self.client.get(
            reverse('horizon:admin:usermsg:resource_messages'),
            {'resource_id': ID})
        self.assertEqual(403, response.status_code)
        self.assertEqual([], self.service.request_history)

    def test_invalid_id_is_refused(self):
        for query in ({}, {'resource_id': ''}, {'resource_id': 'x' * 256}):
            self.assertEqual(400, self.get(**query).status_code)
        self.assertEqual([], self.service.request_history)

    def test_failure_is_explained(self):
        self.service.get(f'{base.API}/messages', status_code=503)
        self.assertContains(self.get(resource_id=ID),
                            'temporarily unavailable')

    def test_expired_token_is_unauthorized_for_the_script(self):
        # Horizon's scripts open the login page then.
        self.service.get(f'{base.API}/messages', status_code=401)
        response = self.client.get(
            reverse('horizon:project:usermsg:resource_messages'),
            {'resource_id': ID},
            headers={'X-Requested-With': 'XMLHttpRequest'})
        self.assertEqual(401, response.status_code)
