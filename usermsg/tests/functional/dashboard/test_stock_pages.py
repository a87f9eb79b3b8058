# SPDX-License-Identifier: Apache-2.0
"""Pages of Horizon and manila-ui about messages, which usermsg serves.

Nothing is changed in them: nginx sends the message paths of Cinder and Manila
to usermsg.
"""

from usermsg.catalogue.catalogues import share
from usermsg.message import resource_types
from usermsg.tests.fixtures import dashboard_case

_SHARES = '/project/user_messages/'


class VolumePageTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.volume_id = self.cloud.cinder.add_volume(
            self.cloud.identity.project(self.project))
        self.record(resource_type=resource_types.VOLUME,
                    resource_uuid=self.volume_id)

    def open_tab(self):
        self.open(f'/project/volumes/{self.volume_id}/'
                  '?tab=volume_details__messages_tab')
        return self.browser.wait(
            lambda: self.browser.texts('.tab-pane.active tbody tr'), 'the tab')

    def test_messages_of_a_volume(self):
        for role in ('member', 'reader'):
            self.sign_in(role)
            [row] = self.open_tab()
            self.assertIn(dashboard_case.TEXT, row)
            self.assertIn('ERROR', row)

    def test_messages_of_a_volume_of_the_administrators_project(self):
        self.sign_in('admin')
        [row] = self.open_tab()
        self.assertIn(dashboard_case.TEXT, row)


class SharePagesTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.message = self.record(
            None, action=share.Actions.ALLOCATE_HOST,
            detail=share.Details.FILTER_CAPACITY,
            resource_type=resource_types.SHARE, resource_uuid='some-share')
        # Which the panel doesn't show.
        self.record()

    def test_list_details_and_deletion(self):
        self.sign_in()
        self.open(_SHARES)
        [row] = self.browser.texts('#user_messages tbody tr')
        self.assertIn('allocate storage: No storage system has enough free '
                      'space', row)
        self.press(self.message.id)
        self.assertIn('some-share', self.text())
        self.open(_SHARES)
        self.browser.find('#user_messages tbody button')[0].click()
        self.browser.follow(self.browser.wait(
            lambda: self.browser.find('.modal .btn-primary, .modal '
                                      '.btn-danger'), 'the confirmation')[0])
        self.open(dashboard_case.MESSAGES)
        [row] = self.rows()
        self.assertIn(dashboard_case.TEXT, row)

    def test_messages_of_an_administrators_project(self):
        self.sign_in('admin')
        self.open(_SHARES)
        self.assertIn('some-share', self.text())
        # The panel of the administrator asks for that project only, too.
        self.open('/admin/user_messages/')
        self.assertIn('some-share', self.text())
