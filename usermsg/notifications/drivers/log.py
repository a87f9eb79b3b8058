# SPDX-License-Identifier: Apache-2.0
"""Driver ``logging``: notifications as lines in the log of the process."""

import json
import logging
import sys

from oslo_messaging.notify import notifier
from oslo_utils import strutils

from usermsg.notifications import encoding
from usermsg.notifications import errors

#: Name of the logger, the same in every service: for logging configurations
#: that write notifications to another place than other records. It doesn't
#: depend on the event type, since a type may come from outside and the logging
#: module keeps each logger forever.
LOGGER = 'usermsg.notification'

_WRITTEN = ''
_NO_HANDLER = (
    'logging: no log handler accepts the notification; set log_file, or in '
    f'log_config_append give the logger "{LOGGER}" or the root logger a '
    'handler other than NullHandler whose level and filters accept it')


class LoggingDriver(notifier.Driver):
    """Driver that logs each notification as one line of JSON.

    Values whose keys oslo.utils recognizes as secrets are masked by ``***``.
    """

    def notify(self, ctxt, msg, priority, retry):
        """Log a notification, and wait until every handler has written it.

        :raises usermsg.notifications.errors.Rejected: JSON can't represent
            the notification
        :raises usermsg.notifications.errors.NotDelivered: a handler could
            not write it, or no handler accepts it
        """
        # As the other drivers encode it; mask_dict_password() would convert
        # some values differently.
        masked = strutils.mask_dict_password(
            json.loads(encoding.to_json(msg, 'logging')))
        logger = logging.getLogger(LOGGER)
        # A priority without a level of that name, such as SAMPLE, is logged
        # as INFO.
        level = logging.getLevelNamesMapping().get(
            priority.upper(), logging.INFO)
        # Not through logger.log(): levels of loggers, such as those of
        # default_log_levels, suppress records that aren't worth a line. A
        # notification always is.
        record = logger.makeRecord(
            LOGGER, level, '(notification)', 0,
            json.dumps(masked), (), None)
        handlers = _handlers(logger) if logger.filter(record) else ()
        results = [_write(handler, record) for handler in handlers
                   if level >= handler.level]
        for failure in filter(None, results):
            raise errors.NotDelivered(f'logging: {failure}')
        if _WRITTEN not in results:
            raise errors.NotDelivered(_NO_HANDLER)


def _handlers(logger):
    """Iterate over the handlers that receive the records of a logger."""
    while logger:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _write(handler, record):
    """Pass a record to a handler, and return the result.

    Handlers hide the reason why they can't write, such as a full disk, and
    repeat the record on standard error; so their handleError is replaced.

    :returns: ``_WRITTEN``; None if the handler ignores the record, because a
        filter rejects it or because it is a NullHandler; or the reason why it
        couldn't be written
    """
    failures = []

    def note(record):
        error = sys.exception()
        failures.append(getattr(error, 'strerror', None) or
                        type(error).__name__)

    handler.acquire()
    try:
        handler.handleError = note
        handled = handler.handle(record)
    finally:
        del handler.handleError
        handler.release()
    return ', '.join(failures) or (_WRITTEN if handled else None)
