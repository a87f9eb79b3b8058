# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Ironic sends about failed operations."""

import datetime
import sys
import types

import bus
from ironic.api.controllers.v1 import notification_utils as api
from ironic.common import context
from ironic.common import rpc
from ironic.conductor import notification_utils as conductor
from ironic.conf import CONF
from ironic import objects
from ironic.objects import fields
from ironic.objects import node as node_object

MOMENT = datetime.datetime(2026, 11, 21, 21, 0, 0,
                           tzinfo=datetime.timezone.utc)


def make_node(request, name, **changes):
    values = dict.fromkeys(node_object.Node.fields)
    values.update(
        id=1, uuid=bus.make_id(name), name=name, driver='ipmi',
        lessee=bus.PROJECT, owner=bus.ADMIN_PROJECT, created_at=MOMENT,
        updated_at=MOMENT, console_enabled=False, maintenance=False,
        protected=False, retired=False, automated_clean=None,
        disable_power_off=False, conductor_group='', extra={}, properties={},
        instance_info={}, driver_info={}, driver_internal_info={},
        network_data={}, clean_step={}, deploy_step={}, service_step={},
        raid_config={}, target_raid_config={}, traits=objects.TraitList(
            objects=[]), instance_uuid=bus.make_id('instance'),
        provision_state='deploy failed', power_state='power off',
        last_error=f'Failed: {bus.NASTY}', maintenance_reason=bus.NASTY)
    values.update(changes)
    return node_object.Node(request, **{
        key: value for key, value in values.items() if value is not None
        or node_object.Node.fields[key].nullable})


def make_context(name):
    return context.RequestContext(
        user_id=bus.ADMIN, project_id=bus.ADMIN_PROJECT,
        auth_token='hunter2', request_id=bus.request_id(name),
        overwrite=False)


def make_task(name, **changes):
    request = make_context(name)
    return types.SimpleNamespace(
        context=request, node=make_node(request, name, **changes))


def fail_api(name, action):
    request = make_context(name)
    node = make_node(request, name)
    try:
        with api.handle_error_notification(
                request, node, action, chassis_uuid=None) if (
                    action != 'maintenance_set') else (
                        api.handle_error_notification(request, node, action)):
            raise RuntimeError(bus.NASTY)
    except RuntimeError:
        pass


def main(path):
    recorder = bus.Recorder('ironic', 'ironic', CONF)
    CONF([], project='ironic', default_config_files=[])
    CONF.set_override('host', bus.HOST)
    CONF.set_override('notification_level', 'info')
    objects.register_all()
    rpc.set_defaults(control_exchange='ironic')
    rpc.init(CONF)
    error, failed = (fields.NotificationLevel.ERROR,
                     fields.NotificationStatus.ERROR)
    for name, previous in (('deploy', 'deploying'), ('clean', 'cleaning')):
        conductor.emit_provision_set_notification(
            make_task(f'node-{name}'), error, failed, previous, 'active',
            'fail')
    # Neither lessee nor owner: a node that belongs to no project.
    conductor.emit_provision_set_notification(
        make_task('node-free', lessee=None, owner=None), error, failed,
        'cleaning', 'available', 'fail')
    conductor.emit_power_set_notification(
        make_task('node-power', lessee=None, owner=bus.PROJECT), error,
        failed, 'power on')
    for action in ('console_set', 'console_restore'):
        conductor.emit_console_notification(
            make_task(f'node-{action}'), action, failed)
    for action in ('create', 'update', 'delete', 'maintenance_set'):
        fail_api(f'node-{action}', action)
    recorder.write(path, 'ironic', 'oslo.versionedobjects')


if __name__ == '__main__':
    main(sys.argv[1])
