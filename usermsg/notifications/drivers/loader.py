# SPDX-License-Identifier: Apache-2.0
"""Loading of the configured notification drivers.

The values of ``[oslo_messaging_notifications] driver`` are names of entry
points: those of usermsg (``logging``, ``rabbit``, ``qpid``), of oslo.messaging
(``noop`` and others) and of other packages.
"""

from importlib import metadata

from oslo_log import log
import oslo_messaging

from usermsg import exception

LOG = log.getLogger(__name__)

ENTRY_POINTS = 'oslo.messaging.notify.drivers'
_RABBITMQ_MODULES = (
    'oslo_messaging.notify.messaging',
    'usermsg.notifications.drivers.rabbit.driver')
OPTION = '[oslo_messaging_notifications] driver'

#: Driver of oslo.messaging that passes notifications to others.
ROUTING = 'routing'
_ROUTING_REFUSED = (
    'the driver "routing" cannot be used: it reads its configuration from '
    'another place, and hides the failures of the drivers behind it. Name '
    'these drivers here; [notifications] disabled leaves event types out.')


def load(conf, option=OPTION):
    """Load the configured drivers, without connecting to a broker.

    :param option: name of the option, for errors
    :returns: name -> driver, in the order of the option; its
        ``notify(ctxt, msg, priority, retry)`` sends. A driver of usermsg has
        the attributes ``timeout``, the maximum of that call in seconds, and
        ``timeout_option``, the name of the option that sets it.
    :raises usermsg.exception.ConfigurationError: names the drivers that can't
        be used, and the reasons
    """
    options = conf.oslo_messaging_notifications
    arguments = {'topics': options.topics, 'transport': get_transport(conf)}
    entry_points = {
        entry_point.name: entry_point
        for entry_point in metadata.entry_points(group=ENTRY_POINTS)}
    drivers, problems = {}, []
    for name in dict.fromkeys(filter(None, options.driver)):
        if name == ROUTING:
            problems.append(_ROUTING_REFUSED)
            continue
        try:
            drivers[name] = entry_points[name].load()(conf, **arguments)
        except exception.ConfigurationError as error:
            problems.append(str(error))
        except Exception as error:
            problems.append(
                f'the driver "{name}" cannot be loaded: {_reason(error)}.'
                if name in entry_points
                else f'there is no driver "{name}".')
    if problems:
        raise exception.ConfigurationError(f'{option}: {" ".join(problems)}')
    return drivers


def timeout(driver):
    """Return the timeout of a driver of usermsg in seconds.

    0 if the driver declares none. An attribute ``timeout`` in a driver of
    another package may mean something else.
    """
    return driver.timeout if hasattr(driver, 'timeout_option') else 0


def get_transport(conf, url=None, group=None):
    """Return the configured transport of oslo.messaging, unconnected.

    :param url: instead of the configured one
    :param group: with ``url``: the group of the option that contains it
    :raises usermsg.exception.ConfigurationError: transport_url can't be used
    """
    try:
        return oslo_messaging.get_notification_transport(conf, url)
    except ImportError as error:
        raise _unusable(
            conf, url and group,
            f'its driver cannot be loaded: {_reason(error)}.') from None
    except Exception:
        # Any error of parsing the URL, or of a driver that reads the query
        # after the "?". Without its text, which may contain a part of the
        # password.
        raise _unusable(
            conf, url and group,
            'is not a URL that oslo.messaging accepts, such as '
            'rabbit://USER:PASSWORD@HOST:5672/. In the password, / and @ must '
            'be written as %2F and %40, and other reserved characters '
            'likewise; the query after a ? may contain only options of the '
            'driver, with valid values.') from None


def _unusable(conf, group, reason):
    # Without a transport_url for notifications, that of [DEFAULT] is used.
    group = group or (
        'oslo_messaging_notifications'
        if conf.oslo_messaging_notifications.transport_url else 'DEFAULT')
    return exception.ConfigurationError(f'[{group}] transport_url: {reason}')


def _reason(error):
    """Return the reason of a load error, in a text that is safe to log."""
    if isinstance(error, ImportError) and error.name:
        return f'the module "{error.name}" cannot be imported'
    return exception.log_text(error)


def reports_failures(driver):
    """Return True if a driver raises an error when it can't deliver.

    The drivers of oslo.messaging that send to a broker log the failure, with
    the complete notification, and return as if it were delivered.
    """
    return type(driver).__module__ != 'oslo_messaging.notify.messaging'


def lacks_transport_url(conf, driver):
    """Return True if a driver sends to RabbitMQ and no host is configured."""
    return (type(driver).__module__ in _RABBITMQ_MODULES and
            not conf.oslo_messaging_notifications.transport_url and
            # The default of oslo.messaging, which contains no host.
            conf.transport_url == 'rabbit://')


def close(drivers):
    """Close drivers: their threads and connections."""
    for name, driver in drivers.items():
        if not hasattr(driver, 'close'):
            continue
        try:
            driver.close()
        except Exception as error:
            # From a driver of another package. The other drivers must be
            # closed nevertheless.
            LOG.error('The notification driver "%s" failed to close: %s',
                      name, type(error).__name__)
