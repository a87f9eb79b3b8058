# SPDX-License-Identifier: Apache-2.0
"""The strategy ``logging``: notifications as lines of the process' log."""

import logging
import sys

from oslo_messaging.notify import notifier
from oslo_utils import strutils

from usermsg.notifications import encoding
from usermsg.notifications import errors

#: The logger, in whatever service: for logging configurations that send
#: notifications elsewhere than the rest. It doesn't depend on the type of an
#: event, as a name may come from outside and each one is kept for ever.
LOGGER = 'usermsg.notification'

_WRITTEN = ''
_NOWHERE = (
    'logging: no log takes it; set log_file, or in log_config_append give the '
    f'logger "{LOGGER}" or the root logger a handler that is no NullHandler '
    'and whose level and filters let it through')


class LoggingDriver(notifier.Driver):
    """Writes each notification as one line of JSON.

    What oslo.utils knows as secrets by their keys is written as ``***``.
    """

    def notify(self, ctxt, msg, priority, retry):
        """Returns when every handler that takes it has written it.

        :raises usermsg.notifications.errors.Rejected: JSON can't hold it
        :raises usermsg.notifications.errors.NotDelivered: a handler could
            not write it, or none takes it
        """
        try:
            masked = strutils.mask_dict_password(msg)
        except RecursionError:
            raise errors.Rejected('logging: it contains itself') from None
        logger = logging.getLogger(LOGGER)
        # What is no level of its own, such as SAMPLE, is as important.
        level = logging.getLevelNamesMapping().get(
            priority.upper(), logging.INFO)
        # Not through logger.log(): levels of loggers, such as those of
        # default_log_levels, say what is worth a line. This is.
        record = logger.makeRecord(
            LOGGER, level, '(notification)', 0,
            encoding.to_json(masked, 'logging'), (), None)
        handlers = _handlers(logger) if logger.filter(record) else ()
        outcomes = [_write(handler, record) for handler in handlers
                    if level >= handler.level]
        for failure in filter(None, outcomes):
            raise errors.NotDelivered(f'logging: {failure}')
        if _WRITTEN not in outcomes:
            raise errors.NotDelivered(_NOWHERE)


def _handlers(logger):
    """Where the records of a logger go."""
    while logger:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _write(handler, record):
    """What a handler makes of a record.

    Handlers keep to themselves why they can't write, such as a full disk, and
    repeat the record on the standard error.

    :returns: ``_WRITTEN``; None if the handler doesn't take it, as a filter
        rejects it or as it is a NullHandler; or why it can't write it
    """
    failures = []

    def note(record):
        error = sys.exception()
        failures.append(getattr(error, 'strerror', None) or
                        type(error).__name__)

    handler.acquire()
    try:
        handler.handleError = note
        taken = handler.handle(record)
    finally:
        del handler.handleError
        handler.release()
    return ', '.join(failures) or (_WRITTEN if taken else None)
