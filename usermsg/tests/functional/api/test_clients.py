# SPDX-License-Identifier: Apache-2.0
"""Tests of the service with keystoneauth and openstacksdk."""

import uuid

from keystoneauth1 import adapter
from keystoneauth1 import discover
from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import noauth
from keystoneauth1 import session
import openstack
from openstack import exceptions as sdk_exceptions
from openstack import proxy
from openstack import resource
from openstack import service_description

from usermsg.tests import base
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import standalone


class Message(resource.Resource):
    """Resource of a message, as a client would declare it for openstacksdk."""

    resource_key = 'message'
    resources_key = 'messages'
    base_path = '/messages'
    allow_fetch = allow_list = allow_delete = True
    _max_microversion = '3.0'
    _query_mapping = resource.QueryParameters('resource_uuid', 'sort')

    user_message = resource.Body('user_message')
    event_id = resource.Body('event_id')


class TestClients(base.TestCase):

    def setUp(self):
        super().setUp()
        self.server = standalone.shared()
        self.project = uuid.uuid4().hex
        self.endpoint = f'{self.server.url}/v3/'
        self.headers = http_client.build_headers(self.project, 'member')
        self.adapter = adapter.Adapter(
            session.Session(auth=noauth.NoAuth(endpoint=self.endpoint)),
            service_type='user-message', min_version='3.0',
            max_version='3.latest', endpoint_override=self.endpoint,
            additional_headers=self.headers)

    def sdk(self):
        """Return openstacksdk's proxy of the service."""
        connection = openstack.connect(
            load_yaml_config=False, load_envvars=False, auth_type='none',
            auth={'endpoint': self.endpoint},
            user_message_endpoint_override=self.endpoint)
        self.addCleanup(connection.close)
        connection.add_service(service_description.ServiceDescription(
            'user-message', supported_versions={'3': proxy.Proxy}))
        connection.user_message.additional_headers.update(self.headers)
        return connection.user_message

    def record(self, **values):
        return http_client.record(self.server.runtime, self.project, **values)

    def test_keystoneauth_discovers_the_version(self):
        data = self.adapter.get_endpoint_data()
        self.assertEqual((3, 0), data.api_version)
        self.assertEqual((3, 0), data.min_microversion)
        self.assertEqual((3, 0), data.max_microversion)
        self.assertEqual(f'{self.server.url}/v3/', data.url)

    def test_keystoneauth_discovers_versions_from_the_root(self):
        [version] = discover.Discover(
            session.Session(), f'{self.server.url}/').version_data()
        self.assertEqual((3, 0), version['version'])
        self.assertEqual('CURRENT', version['raw_status'])
        self.assertEqual(f'{self.server.url}/v3/', version['url'])

    def test_keystoneauth_microversion_is_returned(self):
        for microversion in ('3.0', 'latest'):
            response = self.adapter.get('/messages', microversion=microversion)
            self.assertEqual('user-message 3.0',
                             response.headers['OpenStack-API-Version'])

    def test_keystoneauth_error_has_the_text_of_the_service(self):
        error = self.assertRaises(
            ksa_exceptions.BadRequest, self.adapter.get, '/messages?limit=0')
        self.assertIn('limit: must be a positive integer.', str(error))
        self.assertRegex(error.request_id, '^req-')

    def test_keystoneauth_error_names_the_supported_versions(self):
        error = self.assertRaises(
            ksa_exceptions.NotAcceptable, self.adapter.get, '/messages',
            microversion='3.99')
        self.assertIn('must be between 3.0 and 3.0', str(error))

    def test_openstacksdk_error_has_the_text_of_the_service(self):
        response = self.adapter.get('/messages/nothing', raise_exc=False)
        error = self.assertRaises(
            sdk_exceptions.NotFoundException,
            sdk_exceptions.raise_from_response, response)
        self.assertIn('Message nothing could not be found.', str(error))

    def test_openstacksdk_list_follows_every_page(self):
        recorded = [self.record(now=clocks.behind).id for _number in range(5)]
        listed = [message.id for message in Message.list(
            self.sdk(), limit=2, sort='created_at:asc')]
        self.assertEqual(recorded, listed)

    def test_openstacksdk_shows_and_deletes_a_message(self):
        recorded = self.record()
        sdk = self.sdk()
        message = sdk._get(Message, recorded.id)
        self.assertEqual('VOLUME_000002', message.event_id)
        self.assertEqual(
            'No storage could be allocated for this volume request.',
            message.user_message)
        sdk._delete(Message, recorded.id, ignore_missing=False)
        error = self.assertRaises(
            sdk_exceptions.NotFoundException, sdk._get, Message, recorded.id)
        self.assertIn(f'Message {recorded.id} could not be found.',
                      str(error))
        sdk._delete(Message, recorded.id, ignore_missing=True)
