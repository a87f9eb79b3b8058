# SPDX-License-Identifier: Apache-2.0
import testtools

from usermsg.catalogue import resource_types as in_catalogue
from usermsg.message import resource_types


class ResourceTypesTest(testtools.TestCase):

    def test_module_has_each_type_of_the_catalogue(self):
        expected, actual = (
            {name: value for name, value in vars(module).items()
             if name.isupper()} for module in (in_catalogue, resource_types))
        self.assertEqual(expected, actual)
