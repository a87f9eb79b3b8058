# SPDX-License-Identifier: Apache-2.0
import logging

from usermsg.notifications.drivers import log
from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests import base


class _Handler(logging.Handler):

    def __init__(self, error=None, level=logging.NOTSET):
        super().__init__(level)
        self.error = error
        self.lines = []

    def emit(self, record):
        try:
            if self.error:
                raise self.error
            self.lines.append((record.levelname, self.format(record)))
        except Exception:
            self.handleError(record)


class LoggingDriverTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.logger = logging.getLogger(log.LOGGER)
        # Only these handlers, as other tests have others.
        self.addCleanup(setattr, self.logger, 'propagate', True)
        self.addCleanup(setattr, self.logger, 'handlers', [])
        self.logger.propagate = False
        self.driver = log.LoggingDriver(None, ['notifications'], None)

    def handle(self, *args, **kwargs):
        handler = _Handler(*args, **kwargs)
        self.logger.addHandler(handler)
        return handler

    def notify(self, payload='', priority='INFO'):
        body = notification.Notification('image.send', '').body()
        self.driver.notify({}, {**body, 'payload': payload}, priority, -1)

    def test_levels_of_loggers_do_not_count(self):
        self.addCleanup(self.logger.setLevel, self.logger.level)
        self.logger.setLevel(logging.CRITICAL)
        handler = self.handle()
        self.notify(priority='DEBUG')
        self.assertEqual(['DEBUG'], [level for level, _ in handler.lines])

    def test_levels_of_handlers_count(self):
        quiet, handler = self.handle(level=logging.ERROR), self.handle()
        self.notify()
        self.assertEqual((0, 1), (len(quiet.lines), len(handler.lines)))

    def test_what_a_handler_cannot_write_is_not_delivered(self):
        self.handle(OSError(28, 'No space left on device'))
        handler = self.handle()
        error = self.assertRaises(errors.NotDelivered, self.notify)
        self.assertEqual('logging: No space left on device', str(error))
        self.assertEqual(1, len(handler.lines))

    def test_handlers_stay_as_they_were(self):
        handler = self.handle(ValueError('what it holds'))
        error = self.assertRaises(errors.NotDelivered, self.notify)
        self.assertEqual('logging: ValueError', str(error))
        self.assertEqual(logging.Handler.handleError,
                         handler.handleError.__func__)

    def test_without_a_log_nothing_is_delivered(self):
        self.assertRaises(errors.NotDelivered, self.notify)
        self.handle(level=logging.ERROR)
        self.assertRaises(errors.NotDelivered, self.notify)

    def test_what_no_handler_takes_is_not_delivered(self):
        deaf = self.handle()
        deaf.addFilter(lambda record: False)
        self.logger.addHandler(logging.NullHandler())
        error = self.assertRaises(errors.NotDelivered, self.notify)
        self.assertIn(log.LOGGER, str(error))
        self.assertIn('log_config_append', str(error))
        self.assertEqual([], deaf.lines)

    def test_one_that_takes_it_is_enough(self):
        self.handle().addFilter(lambda record: False)
        handler = self.handle()
        self.logger.addHandler(logging.NullHandler())
        self.notify()
        self.assertEqual(1, len(handler.lines))

    def test_filters_of_the_logger_count(self):
        def reject(record):
            return False

        handler = self.handle()
        self.addCleanup(self.logger.removeFilter, reject)
        self.logger.addFilter(reject)
        self.assertRaises(errors.NotDelivered, self.notify)
        self.assertEqual([], handler.lines)

    def test_what_json_cannot_hold_is_refused(self):
        handler = self.handle()
        circle = {}
        circle['circle'] = circle
        for payload in (circle, [object()], float('inf')):
            error = self.assertRaises(errors.Rejected, self.notify, payload)
            self.assertNotIn('object', str(error))
        self.assertEqual([], handler.lines)

    def test_nothing_of_a_payload_is_a_format(self):
        handler = self.handle()
        self.notify('100 %s %(name)s {}')
        self.assertIn('100 %s %(name)s {}', handler.lines[0][1])
