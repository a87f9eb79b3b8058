# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Neutron sends about ports.

The payload is the body of the API's response; the one here is written by
hand after the API reference, because making it needs a database and a plug-in.
"""

import sys

import bus
from neutron.conf import common
from neutron_lib import context
from neutron_lib import rpc
from oslo_config import cfg

CONF = cfg.CONF


def notify(event_type, name, vif_type, status='DOWN'):
    request = context.Context(
        user_id=bus.ADMIN, project_id=bus.ADMIN_PROJECT, is_admin=True,
        request_id=bus.request_id(f'{name}-{vif_type}'), overwrite=False)
    rpc.get_notifier('network').info(request, event_type, {'port': {
        'id': bus.make_id(name), 'name': name, 'project_id': bus.PROJECT,
        'tenant_id': bus.PROJECT, 'network_id': bus.make_id('network'),
        'device_id': bus.make_id('instance'), 'device_owner': 'compute:nova',
        'status': status, 'admin_state_up': True, 'description': bus.NASTY,
        'binding:host_id': bus.HOST, 'binding:vif_type': vif_type,
        'binding:vif_details': {}, 'binding:vnic_type': 'normal',
        'binding:profile': {}, 'fixed_ips': [], 'security_groups': [],
        'mac_address': 'fa:16:3e:00:00:01'}})


def main(path):
    recorder = bus.Recorder('neutron', 'neutron', CONF)
    common.register_core_common_config_opts()
    CONF([], project='neutron', default_config_files=[])
    CONF.set_override('host', bus.HOST)
    rpc.init(CONF)
    notify('port.create.end', 'port', 'unbound')
    # A port fails, is reported again, recovers and fails once more.
    for vif_type in ('binding_failed', 'binding_failed', 'ovs',
                     'binding_failed'):
        notify('port.update.end', 'port', vif_type)
    notify('port.create.end', 'other', 'binding_failed')
    # A user's view of a port has no binding.
    notify('port.update.end', 'hidden', None)
    recorder.write(path, 'neutron', 'neutron-lib')


if __name__ == '__main__':
    main(sys.argv[1])
