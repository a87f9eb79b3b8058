# SPDX-License-Identifier: Apache-2.0
import types

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
import testtools

from usermsgclient.osc import resources
from usermsgclient.tests import base


class TestFind(testtools.TestCase):

    def find(self, result, name_or_id='data'):
        """Look up a volume in a cloud that has no other resources.

        :param result: id of the volume, None, or an exception
        """
        def find_volume(name_or_id, ignore_missing):
            self.assertTrue(ignore_missing)
            if isinstance(result, Exception):
                raise result
            return result and types.SimpleNamespace(id=result)

        return resources.find(types.SimpleNamespace(
            block_storage=types.SimpleNamespace(find_volume=find_volume)),
            'volume', name_or_id)

    def error(self, result, name_or_id='data'):
        return str(self.assertRaises(
            exceptions.CommandError, self.find, result, name_or_id))

    def test_name_of_a_resource_becomes_its_id(self):
        self.assertEqual('an id', self.find('an id'))

    def test_id_of_a_deleted_resource_is_kept(self):
        self.assertEqual(base.VOLUME, self.find(None, base.VOLUME))

    def test_unknown_name_is_an_error(self):
        self.assertIn('No volume with a name or ID of data exists.',
                      self.error(None))

    def test_ambiguous_name_is_an_error(self):
        self.assertIn(
            'There is more than one volume data',
            self.error(sdk_exceptions.DuplicateResource('several')))

    def test_cloud_without_the_service_accepts_only_ids(self):
        for missing in (ksa_exceptions.EndpointNotFound(),
                        sdk_exceptions.NotSupported('no')):
            self.assertEqual(base.VOLUME, self.find(missing, base.VOLUME))
            self.assertIn('This cloud has no service with the volume data',
                          self.error(missing))

    def test_openstacksdk_has_each_method(self):
        import openstack.connection
        for service, method in resources.KINDS.values():
            description = getattr(openstack.connection.Connection, service)
            for proxy in description.supported_versions.values():
                if hasattr(proxy, method):
                    break
            else:
                self.fail(f'{service} has no {method}')
