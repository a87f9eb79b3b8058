# SPDX-License-Identifier: Apache-2.0
"""The configured strategies: how notifications leave.

What ``[oslo_messaging_notifications] driver`` names are entry points, ours
(``logging``, ``rabbit``, ``qpid``), oslo.messaging's own (``noop`` and
others) and anybody else's.
"""

from importlib import metadata

from oslo_log import log
import oslo_messaging

from usermsg import exception

LOG = log.getLogger(__name__)

ENTRY_POINTS = 'oslo.messaging.notify.drivers'
_OF_RABBITMQ = ('oslo_messaging.notify.messaging',
                'usermsg.notifications.drivers.rabbit.driver')
OPTION = '[oslo_messaging_notifications] driver'


def load(conf, option=OPTION):
    """All drivers that are configured. None of them connects yet.

    :param option: where an error says that they are named
    :returns: name -> driver, in the order of the option; its
        ``notify(ctxt, msg, priority, retry)`` sends. One of ours says in
        ``timeout`` how many seconds that takes at most, and in
        ``timeout_option`` where that is set.
    :raises usermsg.exception.ConfigurationError: one of them can't be used;
        says which and why
    """
    options = conf.oslo_messaging_notifications
    arguments = {'topics': options.topics, 'transport': transport(conf)}
    known = {each.name: each
             for each in metadata.entry_points(group=ENTRY_POINTS)}
    drivers, problems = {}, []
    for name in dict.fromkeys(filter(None, options.driver)):
        try:
            drivers[name] = known[name].load()(conf, **arguments)
        except exception.ConfigurationError as error:
            problems.append(str(error))
        except Exception as error:
            problems.append(
                f'the driver "{name}" cannot be loaded: {_reason(error)}.'
                if name in known else f'there is no driver "{name}".')
    if problems:
        raise exception.ConfigurationError(f'{option}: {" ".join(problems)}')
    return drivers


def timeout(driver):
    """After how many seconds a driver of ours gives a notification up.

    0 if the driver doesn't say. One of somebody else's may mean something
    else by the word.
    """
    return driver.timeout if hasattr(driver, 'timeout_option') else 0


def transport(conf):
    """The transport of oslo.messaging that is configured. It connects later.

    :raises usermsg.exception.ConfigurationError: it can't be used
    """
    try:
        return oslo_messaging.get_notification_transport(conf)
    except ImportError as error:
        raise _unusable(
            conf, f'its driver cannot be loaded: {_reason(error)}.') from None
    except Exception:
        # Whatever parsing meets, and drivers make of what follows the "?".
        # Without its words: they may be a part of the password.
        raise _unusable(
            conf, 'is not an address that oslo.messaging can use, such as '
            'rabbit://USER:PASSWORD@HOST:5672/. In the password a / or @ must '
            'be written as %2F or %40, and other such characters likewise; '
            'after a ? there can only be options of the driver, with values '
            'that they accept.') from None


def _unusable(conf, reason):
    # Without one of its own, the transport of everything else counts.
    group = ('oslo_messaging_notifications'
             if conf.oslo_messaging_notifications.transport_url else 'DEFAULT')
    return exception.ConfigurationError(f'[{group}] transport_url: {reason}')


def _reason(error):
    """Why a driver can't be loaded, but not in words that aren't ours."""
    if isinstance(error, ImportError) and error.name:
        return f'the module "{error.name}" cannot be imported'
    return exception.log_text(error)


def reports(driver):
    """Whether a driver says so when it could not deliver.

    Those of oslo.messaging that send to a broker log it, with all that a
    notification holds, and return as if all were well.
    """
    return type(driver).__module__ not in (
        'oslo_messaging.notify.messaging',
        'oslo_messaging.notify._impl_routing')


def lacks_address(conf, driver):
    """Whether a driver sends to RabbitMQ, and nobody has said where."""
    return (type(driver).__module__ in _OF_RABBITMQ and
            not conf.oslo_messaging_notifications.transport_url and
            # The default of oslo.messaging, with no host in it.
            conf.transport_url == 'rabbit://')


def close(drivers):
    """End what drivers have begun: threads and connections."""
    for name, driver in drivers.items():
        if not hasattr(driver, 'close'):
            continue
        try:
            driver.close()
        except Exception as error:
            # Of somebody else's. The others are to be closed all the same.
            LOG.error('The driver "%s" did not end in order: %s', name,
                      type(error).__name__)
