# SPDX-License-Identifier: Apache-2.0
"""Page about one message, and the way from there to its resource."""

from usermsg.catalogue.catalogues import volume
from usermsg.message import resource_types
from usermsg.tests.fixtures import dashboard_case
from usermsg.tests.fixtures import example_messages


class MessageTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.sign_in()

    def open_message(self, message, view=''):
        self.open(f'{dashboard_case.MESSAGES}{message.id}/{view}')

    def record_failure(self, volume_id):
        return self.record(
            None, action=volume.Actions.EXTEND_VOLUME,
            detail=volume.Details.DRIVER_FAILED_EXTEND,
            resource_type=resource_types.VOLUME, resource_uuid=volume_id)

    def test_advice_and_details(self):
        messages = example_messages.record(self.cloud, self.project)
        self.open(dashboard_case.MESSAGES)
        self.press('schedule allocate volume: No storage system can fulfill '
                   'this request.')
        text = self.text()
        message = messages[-1]
        for part in ('schedule allocate volume: No storage system',
                     'Request a smaller size, another volume type',
                     'You can fix this, or try again later.',
                     message.resource_uuid, message.request_id,
                     f'{message.created_at:%Y-%m-%d %H:%M:%S}',
                     message.event_id):
            self.assertIn(part, text)
        # The volume has failed otherwise.
        self.open_message(messages[0])
        self.assertIn('Ask your operator.', self.text())

    def test_messages_of_the_same_request_and_resource(self):
        messages = example_messages.record(self.cloud, self.project)
        stack, instance = messages[7:9]
        self.open_message(instance)
        self.assertIn('Other messages of the same request', self.text())
        self.assertNotIn('Other messages of the same resource', self.text())
        [row] = self.rows()
        self.assertIn(stack.resource_uuid, row)
        attachment, failure = messages[-3:-1]
        self.open_message(failure)
        self.assertIn('Other messages of the same resource', self.text())
        self.assertIn(attachment.resource_uuid, self.rows()[0])
        self.assertIn('cannot be attached in the requested mode',
                      self.rows()[0])

    def test_copy_of_the_request_id(self):
        self.open_message(self.record(request_id='req-to-copy'))
        self.browser.driver.execute_cdp_cmd('Browser.grantPermissions', {
            'permissions': ['clipboardReadWrite',
                            'clipboardSanitizedWrite']})
        [button] = self.browser.find('[data-usermsg-copy]')
        button.click()
        self.browser.wait(lambda: 'Copied' in self.text(), 'a confirmation')
        self.assertEqual('req-to-copy', self.browser.read_clipboard())

    def test_deletion(self):
        self.open_message(self.record())
        self.press('Delete this message')
        self.press('Delete')
        self.assertEqual(['1 message was deleted.'], self.notices())
        self.assertIn('There are no messages.', self.text())

    def test_message_that_was_deleted(self):
        message = self.record()
        self.open(dashboard_case.MESSAGES)
        self.cloud.service.request(
            f'/v3/messages/{message.id}', method='DELETE',
            token=self.cloud.identity.token(self.user, self.project))
        self.press(dashboard_case.TEXT)
        self.assertEqual(['This message no longer exists.'], self.notices())
        self.assertIn('There are no messages.', self.text())

    def test_resource_that_exists(self):
        volume_id = self.cloud.cinder.add_volume(
            self.cloud.identity.project(self.project), name='database')
        self.open_message(self.record_failure(volume_id))
        self.press(volume_id)
        self.assertIn(f'/project/volumes/{volume_id}',
                      self.browser.driver.current_url)
        self.assertIn('database', self.text())

    def test_resource_that_was_deleted(self):
        volume_id = '6c430ede-9476-4128-8838-8d3929ced223'
        self.record_failure(volume_id)
        self.open(dashboard_case.MESSAGES)
        self.press(volume_id)
        self.assertEqual(['This resource was deleted, or is no longer visible '
                          'to you.'], self.alerts())
        self.assertIn('The storage system could not enlarge the volume.',
                      self.text())
