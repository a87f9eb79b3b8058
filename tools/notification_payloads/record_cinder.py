# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Cinder's scheduler sends about failures."""

import datetime
import sys
import types
from unittest import mock

import bus
from cinder.common import config  # noqa: F401 (registers options)
from cinder import context
from cinder import exception
from cinder import objects
from cinder import rpc
from oslo_config import cfg

# The modules below use the objects while they are imported.
objects.register_all()

from cinder.scheduler import manager  # noqa: E402
from cinder.volume import volume_utils  # noqa: E402

CONF = cfg.CONF


def make_context(name):
    return context.RequestContext(
        bus.USER, bus.PROJECT, is_admin=False, roles=['member'],
        auth_token='hunter2', request_id=bus.request_id(name),
        overwrite=False, timestamp='2026-11-21T21:00:00.000000')


def notify_volume(method, state, error, properties=True):
    spec = {'volume_id': bus.make_id(method)}
    if properties:
        spec['volume_properties'] = {
            'project_id': bus.PROJECT, 'user_id': bus.USER, 'size': 1,
            'display_name': method}
    # The manager's constructor needs a database.
    with mock.patch.object(manager, 'db'):
        manager.SchedulerManager._set_volume_state_and_notify(
            types.SimpleNamespace(), method, {'volume_state': state},
            make_context(method), error, spec)


def notify_snapshot(method, state, error):
    snapshot = mock.Mock(id=bus.make_id(method))
    manager.SchedulerManager._set_snapshot_state_and_notify(
        types.SimpleNamespace(), method, snapshot, state,
        make_context(method), error, {'snapshot_id': snapshot.id})


def notify_backup(name, status):
    backup = MappingNamespace(
        project_id=bus.PROJECT, user_id=bus.USER, availability_zone='nova',
        id=bus.make_id(name), host=bus.HOST, display_name=name,
        created_at=datetime.datetime(2026, 11, 21, 21), status=status,
        volume_id=bus.make_id('volume'), size=1, service='swift',
        service_metadata=None, fail_reason=bus.NASTY, parent_id=None,
        num_dependent_backups=0, snapshot_id=None)
    volume_utils.notify_about_backup_usage(
        make_context(name), backup, 'create.end', host=bus.HOST)


class MappingNamespace(dict):
    """Backup that is read by key and by attribute, as Cinder's objects."""

    def __getattr__(self, name):
        return self[name]


def main(path):
    recorder = bus.Recorder('cinder', 'openstack', CONF)
    CONF([], project='cinder', default_config_files=[])
    CONF.set_override('host', bus.HOST)
    rpc.init(CONF)
    error = exception.NoValidBackend(reason=bus.NASTY)
    notify_volume('create_volume', {'status': 'error'}, error)
    notify_volume('retype', {'status': 'in-use'}, error)
    notify_volume('manage_existing', {'status': 'error_managing'}, error)
    notify_volume('extend_volume', {'status': 'available'}, error,
                  properties=False)
    notify_volume('migrate_volume_to_host',
                  {'migration_status': 'error'}, OSError(bus.NASTY))
    notify_snapshot('create_snapshot', 'error', error)
    notify_snapshot('manage_existing_snapshot', 'error', error)
    notify_backup('backup-failed', 'error')
    notify_backup('backup-good', 'available')
    recorder.write(path, 'cinder')


if __name__ == '__main__':
    main(sys.argv[1])
