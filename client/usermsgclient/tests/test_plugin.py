# SPDX-License-Identifier: Apache-2.0
import argparse
import importlib.metadata
import types

import fixtures
import openstack
from osc_lib import exceptions

from usermsgclient.osc import plugin
from usermsgclient.tests import base
from usermsgclient.v3 import _proxy


class TestPlugin(base.TestCase):

    def test_make_client_returns_the_proxy_of_the_connection(self):
        connection = self.connection()
        client = plugin.make_client(types.SimpleNamespace(
            sdk_connection=connection, region_name=None,
            interface='public'))
        self.assertIsInstance(client, _proxy.Proxy)
        self.assertIs(connection.user_message, client)

    def test_make_client_without_the_service_is_an_error(self):
        self.cloud.post(f'{base.IDENTITY}/auth/tokens', status_code=201,
                        headers={'X-Subject-Token': 'token'}, json={'token': {
                            'methods': ['password'], 'user': {'id': 'u'},
                            'expires_at': '9999-12-31T23:59:59Z',
                            'issued_at': '2026-01-01T00:00:00Z',
                            'project': {'id': 'p', 'name': 'p'},
                            'catalog': []}})
        connection = openstack.connect(
            load_yaml_config=False, load_envvars=False, region_name='here',
            auth={'auth_url': base.IDENTITY, 'user_id': 'u',
                  'password': 'secret', 'project_id': 'p'})
        self.addCleanup(connection.close)
        for region, scope in (('here', 'region here'), ('', 'any region')):
            error = self.assertRaises(
                exceptions.CommandError, plugin.make_client,
                types.SimpleNamespace(
                    sdk_connection=connection, region_name=region,
                    interface='public'))
            self.assertEqual(
                'This cloud has no public endpoint of a user-message '
                f'service in {scope}.', str(error))

    def test_api_version_comes_from_option_or_environment(self):
        def version(*arguments):
            return plugin.build_option_parser(
                argparse.ArgumentParser()).parse_args(
                    arguments).os_user_message_api_version
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_USER_MESSAGE_API_VERSION'))
        self.assertFalse(version())
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_USER_MESSAGE_API_VERSION', '3.0'))
        self.assertEqual('3.0', version())
        self.assertEqual('3', version('--os-user-message-api-version', '3'))

    def test_check_api_version_accepts_major_version_3_alone(self):
        for version in ('3', '3.0', '3.7'):
            self.assertTrue(plugin.check_api_version(version))
        for version in ('', '2', '4', '30', 'x'):
            self.assertFalse(plugin.check_api_version(version))

    def test_every_entry_point_can_be_loaded(self):
        entry_points = [
            entry for group in ('openstack.cli.extension',
                                'openstack.user_message.v3',
                                'usermsgclient.formatter.why')
            for entry in importlib.metadata.entry_points(group=group)
            if entry.dist.name == 'python-usermsgclient']
        self.assertEqual(1 + 9 + 6, len(entry_points))
        for entry in entry_points:
            entry.load()
