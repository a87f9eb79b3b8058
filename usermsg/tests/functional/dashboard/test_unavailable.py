# SPDX-License-Identifier: Apache-2.0
"""Dashboard while the service is stopped, hangs, or is not in the catalogue.

Pages about messages say so within ten seconds, and all others are shown as
usual.
"""

from usermsg.tests.fixtures import dashboard_case

#: Seconds until a page explains that the service is unavailable.
_SECONDS = 10

#: Seconds for a page that doesn't need the service: less than what a page
#: waits for it.
_OTHER_SECONDS = 5


class UnavailableTest(dashboard_case.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.cloud.service.server
        self.message = self.record()
        self.sign_in('admin')
        self.open(dashboard_case.OTHER_PAGE)

    def stop_service(self):
        self.server.kill()
        self.addCleanup(self.restart_service)

    def restart_service(self):
        self.server.kill()
        self.server.start()

    def freeze_service(self):
        self.server.freeze()
        self.addCleanup(self.server.thaw)

    def check_pages(self, explanation, language):
        """Check all pages about messages, and another one after each.

        :param language: a language of its own, in which the catalogue of
            permitted messages isn't cached
        """
        driver = self.browser.driver
        self.addCleanup(driver.set_page_load_timeout, 60)
        self.set_cookies(horizon_language=language)
        for path in (dashboard_case.MESSAGES,
                     f'{dashboard_case.MESSAGES}{self.message.id}/',
                     dashboard_case.PERMITTED_MESSAGES,
                     dashboard_case.ALL_MESSAGES):
            driver.set_page_load_timeout(_SECONDS)
            self.open(path)
            self.assertIn(explanation, '\n'.join(self.alerts()), path)
            driver.set_page_load_timeout(_OTHER_SECONDS)
            self.open(dashboard_case.OTHER_PAGE)
            self.assertIn(self.server.url, self.text())

    def test_stopped_service(self):
        self.stop_service()
        self.check_pages('is temporarily unavailable', 'fr')

    def test_frozen_service(self):
        self.freeze_service()
        self.check_pages('did not respond in time', 'es')

    def test_pages_work_again_after_a_restart(self):
        self.stop_service()
        self.open(dashboard_case.MESSAGES)
        self.assertIn('is temporarily unavailable', self.alerts()[0])
        self.restart_service()
        self.open(dashboard_case.MESSAGES)
        self.assertEqual([], self.alerts())
        self.assertIn(dashboard_case.TEXT, self.text())

    def test_service_that_is_not_in_the_catalogue(self):
        self.assertIn('Permitted Messages', self.navigation())
        self.addCleanup(self.cloud.identity.enable_service, 'usermsg')
        self.cloud.identity.enable_service('usermsg', False)
        self.sign_in('admin')
        for path in (dashboard_case.MESSAGES,
                     f'{dashboard_case.MESSAGES}{self.message.id}/',
                     dashboard_case.PERMITTED_MESSAGES,
                     dashboard_case.ALL_MESSAGES):
            self.open(path)
            self.assertEqual(
                ['There is no user messages service in this region.'],
                self.alerts(), path)
        self.open(dashboard_case.OTHER_PAGE)
        self.assertIn('Service Endpoint', self.text())
        self.assertNotIn('Permitted Messages', self.navigation())

    def navigation(self):
        """Return the text of the sidebar."""
        return '\n'.join(self.browser.texts('#sidebar'))
