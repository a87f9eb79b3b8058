# SPDX-License-Identifier: Apache-2.0
"""Tab Messages on the pages of resources.

Horizon's server builds that on the page of a snapshot, and its scripts that on
the page of an image. The image service is not a real one. The tabs of other
resources are tested with the plug-in, because those need more services.
"""

import atexit
import functools
import uuid

from usermsg.tests.fixtures import dashboard_case
from usermsg.tests.fixtures import fake_image_service

_REQUEST = '/project/usermsg/resource-messages/'


@functools.cache
def _register_images(cloud):
    images = fake_image_service.FakeImageService()
    atexit.register(images.stop)
    cloud.identity.register('image', 'glance', images.url)


class ImageTabTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        _register_images(self.cloud)
        self.image_id = str(uuid.uuid4())
        self.addCleanup(self.check_script_errors)

    def check_script_errors(self):
        # Horizon handles no refusal of the actions on an image.
        self.assertEqual([], [
            error for error in self.browser.script_errors()
            if 'Possibly unhandled rejection' not in error])

    def record_for_image(self, **values):
        return self.record(resource_type='IMAGE', resource_uuid=self.image_id,
                           **values)

    def open_image(self):
        self.open(f'/ngdetails/OS::Glance::Image/{self.image_id}')
        self.browser.wait(
            lambda: fake_image_service.FakeImageService.NAME in self.text(),
            'the page of the image')

    def tabs(self):
        return {tab.text: tab for tab in self.browser.find(
            '.tabset-details .nav-tabs a')}

    def open_tab(self):
        self.open_image()
        self.browser.wait(lambda: 'Messages' in self.tabs(), 'the tab')
        self.tabs()['Messages'].click()

    def wait_for_text(self, text):
        self.browser.wait(lambda: text in self.text(), f'"{text}"')

    def test_tab_lists_the_messages_of_the_image(self):
        message = self.record_for_image()
        self.record(resource_type='IMAGE', resource_uuid=str(uuid.uuid4()))
        for role in ('member', 'reader'):
            self.sign_in(role)
            self.open_tab()
            self.wait_for_text(dashboard_case.TEXT)
            self.assertEqual(1, self.text().count(dashboard_case.TEXT))
            [link] = self.browser.find('.usermsg-table a')
            link.click()
            self.browser.wait(
                lambda: self.browser.driver.current_url.endswith(
                    f'{dashboard_case.MESSAGES}{message.id}/'),
                'the page of the message')

    def test_messages_are_read_when_the_tab_is_opened(self):
        self.record_for_image()
        self.sign_in()
        self.browser.requests()
        self.open_image()
        self.browser.wait(lambda: 'Messages' in self.tabs(), 'the tab')
        self.assertNotIn(_REQUEST, '\n'.join(self.browser.requests()))
        self.tabs()['Messages'].click()
        self.wait_for_text(dashboard_case.TEXT)

    def test_overview_is_unchanged(self):
        self.sign_in()
        self.open_image()
        self.assertEqual(['Overview', 'Messages'], list(self.tabs()))
        self.assertIn(self.image_id, self.text())

    def test_image_without_messages(self):
        self.sign_in()
        self.open_tab()
        self.wait_for_text('This project has no messages about this resource.')

    def test_stopped_service(self):
        self.sign_in()
        self.open_image()
        server = self.cloud.service.server
        server.kill()
        self.addCleanup(server.start)
        self.tabs()['Messages'].click()
        self.browser.wait(
            lambda: 'is temporarily unavailable' in '\n'.join(self.alerts()),
            'an explanation')


class SnapshotTabTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        project_id = self.cloud.identity.project(self.project)
        self.snapshot_id = self.cloud.cinder.add_snapshot(
            project_id, self.cloud.cinder.add_volume(project_id))
        self.record(resource_type='VOLUME_SNAPSHOT',
                    resource_uuid=self.snapshot_id)
        self.record(resource_type='VOLUME_SNAPSHOT',
                    resource_uuid=str(uuid.uuid4()))

    def open_tab(self):
        self.open(f'/project/snapshots/{self.snapshot_id}')
        tabs = self.browser.find('.nav-tabs a')
        self.assertEqual(['Overview', 'Messages'],
                         [tab.text for tab in tabs])
        tabs[1].click()

    def test_tab_is_in_the_place_of_that_of_horizon(self):
        for role in ('member', 'reader'):
            self.sign_in(role)
            self.open_tab()
            [row] = self.browser.wait(self.rows, 'the messages')
            self.assertIn(dashboard_case.TEXT, row)
            # Horizon's has no remedies.
            self.assertIn('Request a smaller volume', row)
            self.assertNotIn('Delete', row)

    def test_frozen_service(self):
        self.sign_in()
        server = self.cloud.service.server
        server.freeze()
        self.addCleanup(server.thaw)
        self.open_tab()
        self.browser.wait(
            lambda: 'did not respond in time' in '\n'.join(self.alerts()),
            'an explanation')
