# SPDX-License-Identifier: Apache-2.0
"""Lists of messages."""

from django.urls import reverse

from usermsg_dashboard.tests.unit import base

INDEX = reverse('horizon:project:usermsg:index')


class MessageListTest(base.TestCase):

    def test_page_contains_the_messages(self):
        self.fake_list(base.make_message())

        response = self.client.get(INDEX)

        self.assertContains(response, 'No storage could be allocated (1).')
