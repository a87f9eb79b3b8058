# SPDX-License-Identifier: Apache-2.0
"""Project > Messages: page of a message, and the way to its resource."""

from unittest import mock
import urllib.parse

from django.urls import reverse
import horizon
import requests

from usermsg_dashboard import client
from usermsg_dashboard import resources
from usermsg_dashboard.tests.unit import base

INDEX = reverse('horizon:project:usermsg:index')
DETAIL = reverse('horizon:project:usermsg:detail', args=[base.make_id(1)])
RESOURCE = reverse('horizon:project:usermsg:resource', args=[base.make_id(1)])
VOLUME = ('http://public.cinder.example.com:8776/v3/volumes/'
          f'{base.VOLUME_ID}')


class MessageDetailTest(base.TestCase):

    def get(self, message, *related, more=False):
        self.fake_message(message)
        self.fake_list(message, *related, more=more)
        return self.client.get(DETAIL)

    def test_page_has_all_of_the_message(self):
        response = self.get(base.make_message(
            link='https://docs.example.org/a?b=1&c=2'))
        text = self.read_text(response)
        for part in ('Error', 'No storage could be allocated (1).',
                     'Request a smaller volume.', base.REQUEST_ID,
                     f'Volume {base.VOLUME_ID}', 'VOLUME_000002',
                     '2026-11-21 22:00:01 UTC', '2026-12-21 22:00:01 UTC'):
            self.assertIn(part, text)
        self.assertContains(
            response, 'href="https://docs.example.org/a?b=1&amp;c=2"')

    def test_advice_follows_from_cause(self):
        for fixable, retryable, expected in (
                (True, True, 'You can fix this, or try again later.'),
                (True, False, 'You can fix this.'),
                (False, True, 'Try again later.'),
                (False, False, 'Ask your operator.')):
            self.assertIn(expected, self.read_text(self.get(base.make_message(
                user_fixable=fixable, retryable=retryable))))

    def test_success_needs_no_advice(self):
        text = self.read_text(self.get(base.make_message(
            message_level='INFO', user_fixable=False, retryable=False)))
        self.assertNotIn('Ask your operator', text)

    def test_request_id_can_be_copied(self):
        self.assertContains(
            self.get(base.make_message()),
            'data-usermsg-copy="usermsg-request-id"')

    def test_message_without_request_and_resource(self):
        text = self.read_text(self.get(base.make_message(
            request_id=None, resource_type=None, resource_uuid=None)))
        for part in ('None', 'Copy', 'Other messages'):
            self.assertNotIn(part, text)
        self.assertEqual(1, len(self.service.request_history))

    def test_related_messages_are_listed_without_the_message_itself(self):
        response = self.get(base.make_message(1), base.make_message(2))
        text = self.read_text(response)
        for part in ('Other messages of the same request',
                     'Other messages of the same resource',
                     'No storage could be allocated (2).'):
            self.assertIn(part, text)
        self.assertEqual(1, text.count('No storage could be allocated (1).'))
        self.assertEqual(
            [{'request_id': [base.REQUEST_ID], 'limit': ['6']},
             {'resource_uuid': [base.VOLUME_ID], 'limit': ['6']}],
            [request.qs for request in self.sent()[1:]])

    def test_more_related_messages_are_in_the_list(self):
        response = self.get(base.make_message(1), *[
            base.make_message(number) for number in range(2, 7)], more=True)
        for name, value in (('request_id', base.REQUEST_ID),
                            ('resource_id', base.VOLUME_ID)):
            self.assertContains(response, f'href="{INDEX}?{name}={value}"')

    def test_more_related_messages_that_are_all_newer_are_in_the_list(self):
        self.fake_message(base.make_message(1))
        self.fake_list(*[base.make_message(number)
                         for number in range(7, 1, -1)])
        self.assertContains(self.client.get(DETAIL),
                            f'href="{INDEX}?request_id={base.REQUEST_ID}"')

    def test_message_alone_has_no_related_ones(self):
        self.assertNotIn('Other messages',
                         self.read_text(self.get(base.make_message(1))))

    def test_failure_of_related_messages_leaves_the_message(self):
        self.fake_message(base.make_message())
        self.service.get(f'{base.API}/messages', status_code=503)
        text = self.read_text(self.client.get(DETAIL))
        self.assertIn('No storage could be allocated (1).', text)
        self.assertIn('temporarily unavailable', text)

    def test_text_from_the_service_is_escaped(self):
        text = '<script>alert("1")</script> \'x\' & \U0001F525'
        response = self.get(base.make_message(
            user_message=text, remedy=f'1{text}', resource_uuid=f'2{text}',
            request_id=f'3{text}', event_id=f'4{text}'))
        page = self.read_text(response)
        for part in (text, f'1{text}', f'2{text}', f'3{text}', f'4{text}'):
            self.assertIn(part, page)
        self.assertNotContains(response, '<script>alert')

    def test_text_is_no_expression_of_angular(self):
        text = '{$ constructor.constructor(1) $}'
        response = self.get(base.make_message(
            user_message=text, remedy=text, resource_uuid=text,
            request_id=text, event_id=text))
        self.assertContains(response, 'constructor.constructor(1)')
        self.assertNotContains(response, '{$ constructor')

    def test_deleted_message_leads_to_the_list(self):
        self.service.get(f'{base.API}/messages/{base.make_id(1)}',
                         status_code=404)
        response = self.client.get(DETAIL)
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(['This message no longer exists.'],
                         self.read_notices(response))

    def test_malformed_id_is_that_of_no_message(self):
        response = self.client.get(reverse(
            'horizon:project:usermsg:detail', args=['<script>']))
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual([], self.service.request_history)

    def test_unavailable_service_is_explained(self):
        self.service.get(f'{base.API}/messages/{base.make_id(1)}',
                         exc=requests.exceptions.ReadTimeout)
        self.assertIn('did not respond in time',
                      self.read_text(self.client.get(DETAIL)))

    def test_expired_token_leads_to_the_login(self):
        self.service.get(f'{base.API}/messages/{base.make_id(1)}',
                         status_code=401)
        response = self.client.get(DETAIL)
        self.assertEqual('/auth/login/',
                         urllib.parse.urlsplit(response['Location']).path)

    def test_member_may_delete(self):
        self.assertIn('Delete this message',
                      self.read_text(self.get(base.make_message())))


class ReaderTest(base.TestCase):

    role_names = ('reader',)

    def test_reader_sees_no_deletion(self):
        self.fake_message(base.make_message())
        self.fake_list(base.make_message(1), base.make_message(2))
        self.assertNotIn('Delete', self.read_text(self.client.get(DETAIL)))


class AdministratorTest(base.TestCase):

    role_names = ('admin', 'member', 'reader')

    def test_message_of_another_project_is_shown_as_such(self):
        self.fake_message(base.make_message(project_id='blue'))
        self.fake_list()
        text = self.read_text(self.client.get(DETAIL))
        self.assertIn('Project blue', text)
        self.assertNotIn('Delete', text)


class ResourceTestCase(base.TestCase):

    def get(self, **values):
        message = base.make_message(**values)
        self.fake_message(message)
        self.fake_list(message)
        return self.client.get(RESOURCE)


class ResourceTest(ResourceTestCase):

    orchestration = 'http://public.heat.example.com:8004/v1'

    def _setup_user(self, **kwargs):
        self.service_catalog = [*self.service_catalog, {
            'type': 'orchestration', 'endpoints': [
                {'region': 'RegionOne', 'region_id': 'RegionOne',
                 'interface': 'public', 'url': self.orchestration}]}]
        super()._setup_user(**kwargs)

    def test_link_leads_to_existing_resource(self):
        lookup = self.service.get(VOLUME, json={'volume': {}})
        self.assertRedirectsNoFollow(
            self.get(),
            reverse('horizon:project:volumes:detail', args=[base.VOLUME_ID]))
        self.assertLess(sum(lookup.last_request.timeout), 10)

    def test_deleted_resource_is_mentioned(self):
        self.service.get(VOLUME, status_code=404)
        text = self.read_text(self.get())
        self.assertIn('This resource was deleted, or is no longer visible to '
                      'you.', text)
        self.assertIn('No storage could be allocated (1).', text)

    def test_link_is_followed_if_the_lookup_fails(self):
        for options in ({'status_code': 503},
                        {'exc': requests.exceptions.ReadTimeout}):
            self.service.get(VOLUME, **options)
            self.assertRedirectsNoFollow(self.get(), reverse(
                'horizon:project:volumes:detail', args=[base.VOLUME_ID]))

    def test_services_have_their_paths(self):
        for resource_type, url, page in (
                ('INSTANCE', 'http://public.nova.example.com:8774/v2/servers/',
                 'horizon:project:instances:detail'),
                ('VOLUME_SNAPSHOT',
                 'http://public.cinder.example.com:8776/v3/snapshots/',
                 'horizon:project:snapshots:detail'),
                ('VOLUME_BACKUP',
                 'http://public.cinder.example.com:8776/v3/backups/',
                 'horizon:project:backups:detail'),
                ('IMAGE',
                 'http://public.glance.example.com:9292/v2/images/',
                 'horizon:project:images:images:detail'),
                ('PORT',
                 'http://public.neutron.example.com:9696/v2.0/ports/',
                 'horizon:project:networks:ports:detail')):
            lookup = self.service.get(f'{url}{base.VOLUME_ID}', json={})
            self.assertRedirectsNoFollow(
                self.get(resource_type=resource_type),
                reverse(page, args=[base.VOLUME_ID]))
            self.assertTrue(lookup.called, resource_type)

    def test_stack_is_missing_if_its_deletion_is_complete(self):
        message = client.Message.parse(base.make_message(
            resource_type='STACK'))
        for stack, missing in (
                ({'stack_status': 'DELETE_COMPLETE'}, True),
                ({'stack_status': 'CREATE_COMPLETE',
                  'parameters': {'wait_for': 'DELETE_COMPLETE'}}, False),
                ([], False)):
            self.service.get(
                f'{self.orchestration}/stacks/{base.VOLUME_ID}',
                json={'stack': stack})
            self.assertEqual(
                missing, resources.is_missing(self.request, message))

    def test_resource_without_page_is_explained(self):
        text = self.read_text(self.get(resource_type='NODE'))
        for part in ('This resource has no page here.',
                     'No storage could be allocated (1).'):
            self.assertIn(part, text)

    def test_panel_that_horizon_refuses_is_explained(self):
        panel = horizon.get_dashboard('project').get_panel('volumes')
        with mock.patch.object(panel, 'policy_rules', (
                ('user-message', 'message:read_all_projects'),)):
            response = self.get()
        self.assertIn('This resource has no page here.',
                      self.read_text(response))
        self.assertNotContains(response, f'href="{RESOURCE}"')

    def test_id_is_quoted_in_the_path(self):
        lookup = self.service.get(
            'http://public.cinder.example.com:8776/v3/volumes/a%20b%3Fc',
            status_code=404)
        self.get(resource_uuid='a b?c')
        self.assertTrue(lookup.called)


class MissingVolumeServiceTest(ResourceTestCase):

    def _setup_user(self, **kwargs):
        self.service_catalog = [
            {**service, 'endpoints': self.limit(service['endpoints'])}
            if service['type'] == 'volumev3' else service
            for service in self.service_catalog]
        super()._setup_user(**kwargs)

    def limit(self, endpoints):
        """Return the remaining endpoints of the service."""
        return []

    def test_resource_is_not_linked(self):
        self.fake_list(base.make_message(1),
                       base.make_message(2, resource_type='INSTANCE'))
        response = self.client.get(INDEX)
        self.assertNotContains(response, f'href="{RESOURCE}"')
        self.assertContains(response, reverse(
            'horizon:project:usermsg:resource', args=[base.make_id(2)]))

    def test_missing_page_is_explained(self):
        response = self.get()
        text = self.read_text(response)
        for part in ('This resource has no page here.',
                     'No storage could be allocated (1).'):
            self.assertIn(part, text)
        self.assertNotContains(response, f'href="{RESOURCE}"')


class MissingPublicEndpointTest(MissingVolumeServiceTest):
    """Horizon's permission for a panel ignores the interface."""

    def limit(self, endpoints):
        return [endpoint for endpoint in endpoints
                if endpoint['interface'] != 'public']
