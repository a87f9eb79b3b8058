# SPDX-License-Identifier: Apache-2.0
import logging

import fixtures
import testtools

from usermsg.api.middleware import bounded_log


class TestBoundedLog(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.output = self.useFixture(fixtures.FakeLogger(
            name='a.logger', format='%(levelname)s %(message)s'))
        self.now = 1000
        self.log = bounded_log.BoundedLog(
            logging.getLogger('a.logger'), lambda: self.now)

    def lines(self):
        return self.output.output.splitlines()

    def test_same_text_is_logged_once_a_minute_with_the_number(self):
        for value in range(3):
            self.log.warning('token %s', value)
            self.log.critical('failed')
        self.assertEqual(['WARNING token 0', 'CRITICAL failed'], self.lines())
        self.now += bounded_log.INTERVAL
        self.log.warning('token %s', 3)
        self.log.critical('failed')
        self.log.error('100% another text')
        self.assertEqual([
            'WARNING token 3 (2 such lines were left out)',
            'CRITICAL failed (2 such lines were left out)',
            'ERROR 100% another text'], self.lines()[2:])
        self.now += bounded_log.INTERVAL
        self.log.warning('token %s', 4)
        self.assertEqual('WARNING token 4', self.lines()[-1])

    def test_lines_below_warning_are_passed_on(self):
        for _number in range(2):
            self.log.info('info')
        self.assertEqual(['INFO info'] * 2, self.lines())
