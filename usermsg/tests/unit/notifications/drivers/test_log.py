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
        # Isolated from handlers of other tests.
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

    def test_level_of_the_logger_is_ignored(self):
        self.addCleanup(self.logger.setLevel, self.logger.level)
        self.logger.setLevel(logging.CRITICAL)
        handler = self.handle()
        self.notify(priority='DEBUG')
        self.assertEqual(['DEBUG'], [level for level, _ in handler.lines])

    def test_level_of_the_handler_is_respected(self):
        quiet, handler = self.handle(level=logging.ERROR), self.handle()
        self.notify()
        self.assertEqual((0, 1), (len(quiet.lines), len(handler.lines)))

    def test_handler_failure_raises_not_delivered(self):
        self.handle(OSError(28, 'No space left on device'))
        handler = self.handle()
        error = self.assertRaises(errors.NotDelivered, self.notify)
        self.assertEqual('logging: No space left on device', str(error))
        self.assertEqual(1, len(handler.lines))

    def test_handle_error_is_restored_after_a_failure(self):
        handler = self.handle(ValueError('the payload'))
        error = self.assertRaises(errors.NotDelivered, self.notify)
        self.assertEqual('logging: ValueError', str(error))
        self.assertEqual(logging.Handler.handleError,
                         handler.handleError.__func__)

    def test_logger_without_handlers_raises_not_delivered(self):
        self.assertRaises(errors.NotDelivered, self.notify)
        self.handle(level=logging.ERROR)
        self.assertRaises(errors.NotDelivered, self.notify)

    def test_filtered_record_raises_not_delivered(self):
        filtered = self.handle()
        filtered.addFilter(lambda record: False)
        self.logger.addHandler(logging.NullHandler())
        error = self.assertRaises(errors.NotDelivered, self.notify)
        self.assertIn(log.LOGGER, str(error))
        self.assertIn('log_config_append', str(error))
        self.assertEqual([], filtered.lines)

    def test_one_accepting_handler_suffices(self):
        self.handle().addFilter(lambda record: False)
        handler = self.handle()
        self.logger.addHandler(logging.NullHandler())
        self.notify()
        self.assertEqual(1, len(handler.lines))

    def test_filters_of_the_logger_are_respected(self):
        def reject(record):
            return False

        handler = self.handle()
        self.addCleanup(self.logger.removeFilter, reject)
        self.logger.addFilter(reject)
        self.assertRaises(errors.NotDelivered, self.notify)
        self.assertEqual([], handler.lines)

    def test_payload_that_json_cannot_represent_is_rejected(self):
        handler = self.handle()
        circle = {}
        circle['circle'] = circle
        for payload in (circle, [object()], float('inf')):
            error = self.assertRaises(errors.Rejected, self.notify, payload)
            self.assertNotIn('object', str(error))
        self.assertEqual([], handler.lines)

    def test_payload_is_not_used_as_a_format_string(self):
        handler = self.handle()
        self.notify('100 %s %(name)s {}')
        self.assertIn('100 %s %(name)s {}', handler.lines[0][1])
