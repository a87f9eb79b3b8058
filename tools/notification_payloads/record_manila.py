# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Manila's scheduler sends about failures."""

import sys
import types
from unittest import mock

import bus
from manila.common import config  # noqa: F401 (registers options)
from manila import context
from manila import exception
from manila import rpc
from manila.scheduler import manager
from oslo_config import cfg

CONF = cfg.CONF


def make_context(name):
    return context.RequestContext(
        bus.USER, bus.PROJECT, is_admin=False, roles=['member'],
        auth_token='hunter2', request_id=bus.request_id(name),
        remote_address='10.20.30.41', overwrite=False,
        timestamp='2026-11-21T21:00:00.000000')


def notify(method, state, error, properties=True):
    request = make_context(method)
    share_id = bus.make_id(method)
    spec = {'share_id': share_id, 'share_type': {'name': 'default'},
            'share_proto': 'NFS'}
    if properties:
        spec['share_properties'] = {
            'project_id': bus.PROJECT, 'user_id': bus.USER, 'size': 1,
            'display_name': method, 'metadata': {}}
    # The manager's constructor needs a database.
    with mock.patch.object(manager, 'db'):
        manager.SchedulerManager._set_share_state_and_notify(
            types.SimpleNamespace(message_api=mock.Mock()), method, state,
            request, error, spec, action=None)


def main(path):
    recorder = bus.Recorder('manila', 'openstack', CONF)
    CONF([], project='manila', default_config_files=[])
    CONF.set_override('host', bus.HOST)
    rpc.init(CONF)
    error = exception.NoValidHost(reason=bus.NASTY)
    notify('create_share', {'status': 'error'}, error)
    notify('manage_share', {'status': 'manage_error', 'size': 0}, error)
    notify('migrate_share_to_host', {'task_state': 'migration_error'}, error,
           properties=False)
    notify('extend_share', {'status': 'available'}, OSError(bus.NASTY))
    rpc.get_notifier('share').info(
        make_context('good'), 'share.create.end',
        {'project_id': bus.PROJECT, 'user_id': bus.USER,
         'share_id': bus.make_id('good'), 'status': 'available'})
    recorder.write(path, 'manila')


if __name__ == '__main__':
    main(sys.argv[1])
