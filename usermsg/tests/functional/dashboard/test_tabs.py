# SPDX-License-Identifier: Apache-2.0
"""Tab Messages on the pages of resources.

Horizon's server builds them, except that of an image, which its scripts build.
Cinder and Manila are real; the services of instances, images and stacks are
fakes, which have each resource for the users of all projects.
"""

import atexit
import functools
import uuid

from usermsg.tests.fixtures import dashboard_case
from usermsg.tests.fixtures import fake_services

_REQUEST = '/project/usermsg/resource-messages/'
_NONE = 'This project has no messages about this resource.'


@functools.cache
def _register_fakes(cloud):
    for service_type, name, fake in (
            ('compute', 'nova', fake_services.ComputeService),
            ('image', 'glance', fake_services.ImageService),
            ('network', 'neutron', fake_services.NetworkService),
            ('orchestration', 'heat', fake_services.OrchestrationService)):
        service = fake()
        atexit.register(service.stop)
        cloud.identity.register(service_type, name, service.url)


class _Resource:
    """Resource with a page, which a test adds."""

    #: Type of the resource in messages.
    resource_type = None
    #: Path of the resource's page in the dashboard Project.
    page = None

    def setUp(self):
        super().setUp()
        _register_fakes(self.cloud)
        self.resource_id = self.add_resource(
            self.cloud.identity.project(self.project))

    def add_resource(self, project_id):
        """Add a resource to a project; return its id."""
        return str(uuid.uuid4())

    def record_for_resource(self, **values):
        """Record a message about the resource; return it."""
        return self.record(resource_type=self.resource_type,
                           resource_uuid=self.resource_id, **values)

    def open_page(self, page):
        self.open(page.format(self.resource_id))

    def tabs(self):
        """Return a dict of name -> link of the tabs of the page."""
        return {tab.text: tab for tab in self.browser.find(
            '#content_body .nav-tabs a')}

    def open_tab(self, page=None):
        self.open_page(page or self.page)
        self.browser.wait(lambda: 'Messages' in self.tabs(), 'the tab')
        self.assertEqual(1, list(self.tabs()).count('Messages'))
        self.tabs()['Messages'].click()

    def wait_for_text(self, text):
        self.browser.wait(lambda: text in self.text(), f'"{text}"')

    def check_messages(self, *messages, dashboard='project'):
        """Check which messages the tab has: links to their pages."""
        self.browser.wait(self.rows, 'the messages')
        self.assertEqual(
            [f'{self.horizon.url}/{dashboard}/usermsg/{message.id}/'
             for message in reversed(messages)],
            [link.get_attribute('href')
             for link in self.browser.find('.usermsg-table tbody a')
             if 'project=' not in link.get_attribute('href')])


class _Stories(_Resource):
    """Stories of each tab."""

    #: Path of the resource's page in the dashboard Admin, if it has one.
    admin_page = None

    def setUp(self):
        super().setUp()
        self.other_project = self.make_name('blue')
        self.message = self.record_for_resource()
        self.other_message = self.record_for_resource(
            project=self.other_project)
        # About another resource.
        self.record(resource_type=self.resource_type,
                    resource_uuid=str(uuid.uuid4()))

    def test_tab_lists_the_messages_of_the_resource(self):
        self.sign_in('reader')
        self.open_tab()
        self.check_messages(self.message)
        [row] = self.rows()
        self.assertIn(dashboard_case.TEXT, row)
        # Horizon's own tabs have no remedies.
        self.assertIn('Request a smaller volume', row)
        self.assertNotIn('Delete', row)
        # Not those of all projects.
        for page in ('/admin/usermsg/resource-messages/?resource_id={}',
                     self.admin_page):
            if page:
                response = self.send(page.format(self.resource_id))
                self.assertNotIn(dashboard_case.TEXT, response.text)
                # manila-ui's page is for all, but without the tab.
                self.assertNotIn('__usermsg', response.text)

    def test_administrator_sees_the_messages_of_all_projects(self):
        self.sign_in('admin')
        if self.admin_page:
            self.open_tab(self.admin_page)
            self.check_messages(self.message, self.other_message,
                                dashboard='admin')
        self.open_tab()
        self.check_messages(self.message)


class _StoriesOfFakes(_Stories):
    """Stories of tabs on pages that the users of all projects have."""

    def test_member_of_another_project_sees_that_projects_messages(self):
        self.sign_in(project=self.other_project)
        self.open_tab()
        self.check_messages(self.other_message)
        self.sign_in(project=self.make_name('green'))
        self.open_tab()
        self.wait_for_text(_NONE)
        self.assertEqual([], self.rows())


class _StoriesOfReal(_Stories):
    """Stories of tabs on pages of a project's own resources."""

    def test_member_of_another_project_sees_nothing(self):
        self.sign_in(project=self.other_project)
        self.open_page(self.page)
        self.assertNotIn('Messages', self.tabs())
        self.assertNotIn(dashboard_case.TEXT, self.text())
        self.assertNotEqual([], self.alerts())


class InstanceTabTest(_StoriesOfFakes, dashboard_case.TestCase):

    resource_type = 'INSTANCE'
    page = '/project/instances/{}/'
    admin_page = '/admin/instances/{}/detail'


class StackTabTest(_StoriesOfFakes, dashboard_case.TestCase):

    resource_type = 'STACK'
    page = '/project/stacks/stack/{}/'


class ShareTabTest(_StoriesOfReal, dashboard_case.TestCase):

    resource_type = 'SHARE'
    page = '/project/shares/{}/'
    admin_page = '/admin/shares/{}/'

    def add_resource(self, project_id):
        return self.cloud.manila.add_share(project_id)


class SnapshotTabTest(_StoriesOfReal, dashboard_case.TestCase):

    resource_type = 'VOLUME_SNAPSHOT'
    page = '/project/snapshots/{}'
    admin_page = '/admin/snapshots/{}'

    def add_resource(self, project_id):
        return self.cloud.cinder.add_snapshot(
            project_id, self.cloud.cinder.add_volume(project_id))

    def test_frozen_service(self):
        self.sign_in()
        server = self.cloud.service.server
        server.freeze()
        self.addCleanup(server.thaw)
        self.open_tab()
        self.browser.wait(
            lambda: 'did not respond in time' in '\n'.join(self.alerts()),
            'an explanation')


class BackupTabTest(_StoriesOfReal, dashboard_case.TestCase):

    resource_type = 'VOLUME_BACKUP'
    page = '/project/backups/{}/'
    admin_page = '/admin/backups/{}/'

    def add_resource(self, project_id):
        return self.cloud.cinder.add_backup(
            project_id, self.cloud.cinder.add_volume(project_id))


class VolumeTabTest(_StoriesOfReal, dashboard_case.DeployedTestCase):

    resource_type = 'VOLUME'
    page = '/project/volumes/{}/'
    admin_page = '/admin/volumes/{}/'

    def add_resource(self, project_id):
        return self.cloud.cinder.add_volume(project_id)


class _Image(_Resource):
    """Image, whose page Horizon's scripts build."""

    resource_type = 'IMAGE'
    page = '/ngdetails/OS::Glance::Image/{}'
    # Horizon's link in Admin > Images.
    admin_page = f'{page}?nav=/admin/images/'

    def setUp(self):
        super().setUp()
        self.addCleanup(self.check_script_errors)

    def check_script_errors(self):
        # Horizon handles no refusal of the actions on an image.
        self.assertEqual([], [
            error for error in self.browser.script_errors()
            if 'Possibly unhandled rejection' not in error])

    def open_page(self, page):
        super().open_page(page)
        if page.startswith(self.page):
            self.wait_for_text(fake_services.NAME)


class ImageTabTest(_Image, _StoriesOfFakes, dashboard_case.TestCase):

    def test_messages_are_read_when_the_tab_is_opened(self):
        self.sign_in()
        self.browser.requests()
        self.open_page(self.page)
        self.browser.wait(lambda: 'Messages' in self.tabs(), 'the tab')
        self.assertNotIn(_REQUEST, '\n'.join(self.browser.requests()))
        self.tabs()['Messages'].click()
        self.wait_for_text(dashboard_case.TEXT)

    def test_tab_is_in_the_language_of_the_user(self):
        # Browsers keep Horizon's texts for scripts, also in another language.
        self.browser.clear_cache()
        self.addCleanup(self.browser.clear_cache)
        self.sign_in()
        self.set_cookies(horizon_language='ja')
        self.open_page(self.page)
        self.browser.wait(lambda: 'メッセージ' in self.tabs(), 'the tab')

    def test_overview_is_unchanged(self):
        self.sign_in()
        self.open_page(self.page)
        self.assertEqual(['Overview', 'Messages'], list(self.tabs()))
        self.assertIn(self.resource_id, self.text())

    def test_stopped_service(self):
        self.sign_in()
        self.open_page(self.page)
        self.browser.wait(lambda: 'Messages' in self.tabs(), 'the tab')
        server = self.cloud.service.server
        server.kill()
        self.addCleanup(server.start)
        self.tabs()['Messages'].click()
        self.browser.wait(
            lambda: 'is temporarily unavailable' in '\n'.join(self.alerts()),
            'an explanation')


class DeployedImageTabTest(_Image, dashboard_case.DeployedTestCase):

    def test_tab_of_a_dashboard_below_a_path(self):
        # Not in Admin, where Horizon's own script fails below a path.
        message = self.record_for_resource()
        self.sign_in()
        self.open_tab()
        self.check_messages(message)
