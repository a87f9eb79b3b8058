# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""The configured strategies: how notifications leave.

What ``[oslo_messaging_notifications] driver`` names are entry points, ours
(``logging``, ``rabbit``, ``qpid``), oslo.messaging's own (``noop`` and
others) and anybody else's.
"""

import oslo_messaging
from stevedore import named

from usermsg import exception

ENTRY_POINTS = 'oslo.messaging.notify.drivers'
OPTION = '[oslo_messaging_notifications] driver'


def load(conf):
    """All drivers that are configured. None of them connects yet.

    :returns: name -> driver, whose ``notify(ctxt, msg, priority, retry)``
        sends
    :raises usermsg.exception.ConfigurationError: one of them can't be used;
        says which and why
    """
    options = conf.oslo_messaging_notifications
    names = list(dict.fromkeys(options.driver))
    problems = []

    def missing(found):
        problems.extend(f'there is no driver "{name}".'
                        for name in sorted(found))

    def broken(_manager, entry_point, error):
        problems.append(
            str(error) if isinstance(error, exception.ConfigurationError)
            else f'the driver "{entry_point.name}" cannot be loaded: '
                 f'{type(error).__name__}: {error}.')

    try:
        transport = oslo_messaging.get_notification_transport(conf)
    except (oslo_messaging.DriverLoadFailure,
            oslo_messaging.InvalidTransportURL):
        # Without its words: the address may hold a password.
        raise exception.ConfigurationError(
            '[oslo_messaging_notifications] transport_url: is not an address '
            'that oslo.messaging can use, such as rabbit://USER:PASSWORD@HOST'
            ':5672/.') from None
    found = named.NamedExtensionManager(
        ENTRY_POINTS, names, invoke_on_load=True, invoke_args=(conf,),
        invoke_kwds={'topics': options.topics, 'transport': transport},
        on_load_failure_callback=broken,
        on_missing_entrypoints_callback=missing)
    if problems:
        raise exception.ConfigurationError(f'{OPTION}: {" ".join(problems)}')
    return {extension.name: extension.obj for extension in found}


def check(conf):
    """See :func:`load`, for whoever only wants to know."""
    close(load(conf))


def close(drivers):
    """End what drivers have begun: threads and connections."""
    for driver in drivers.values():
        if hasattr(driver, 'close'):
            driver.close()
