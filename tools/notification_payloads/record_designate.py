# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Designate sends about zones.

The methods of Designate's central service need a database; their decorator,
which sends the notifications, runs here around a method that returns the zone.
"""

import sys
from unittest import mock

import bus
from designate.common.decorators import notification
import designate.conf
from designate import context
from designate import notifications
from designate import objects
from designate import policy
from designate import rpc

CONF = designate.conf.CONF


class Central:

    def __init__(self):
        self.notification_thread_local = notification.NotificationThreadLocal()
        self.notifier = rpc.get_notifier('central')

    @notification.notify_type('dns.domain.update')
    @notification.notify_type('dns.zone.update')
    def update_status(self, _context, zone):
        return zone


def make_context(name):
    # The worker updates the status as an administrator without a project.
    return context.DesignateContext.get_admin_context(
        request_id=bus.request_id(name), all_tenants=True, overwrite=False)


def make_zone(name, action, status, serial=1):
    return objects.Zone(
        id=bus.make_id(name), name=f'{name}.example.org.', action=action,
        status=status, tenant_id=bus.PROJECT, serial=serial, type='PRIMARY',
        email='alice@example.org', pool_id=bus.make_id('pool'), ttl=3600,
        description=bus.NASTY[:100], version=1)


def main(path):
    recorder = bus.Recorder('designate', 'designate', CONF)
    CONF([], project='designate', default_config_files=[])
    CONF.set_override('host', bus.HOST)
    CONF.set_override('notify_api_faults', True)
    policy.init()
    rpc.set_defaults(control_exchange='designate')
    rpc.init(CONF)
    central = Central()
    # A zone fails, is reported again, recovers and fails once more.
    for number, (action, status) in enumerate((
            ('CREATE', 'PENDING'), ('CREATE', 'ERROR'), ('CREATE', 'ERROR'),
            ('NONE', 'ACTIVE'), ('UPDATE', 'ERROR'))):
        central.update_status(make_context(f'zone-{number}'), make_zone(
            'zone', action, status, number + 1))
    central.update_status(make_context('zone-gone'),
                          make_zone('gone', 'DELETE', 'ERROR'))
    notifications.send_api_fault(
        make_context('fault'), 'https://dns.example.org/v2/zones', 500,
        OSError(bus.NASTY))
    recorder.write(path, 'designate')


if __name__ == '__main__':
    with mock.patch.object(notifications, 'get_plugin',
                           return_value=notifications.Default()):
        main(sys.argv[1])
