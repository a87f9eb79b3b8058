# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Trove sends about failed operations."""

import sys
import types

import bus
from oslo_config import cfg
from trove.common import cfg as _options  # noqa: F401 (registers options)
from trove.common import context
from trove.common import exception
from trove.common import notification
from trove import rpc

#: Last parts of the classes of notifications.
INSTANCE = ('ResizeVolume', 'Delete', 'AttachConfiguration', 'Upgrade')
CLUSTER = ('AddShard', 'Grow')
DATABASE = ('DatabaseCreate', 'UserGrant')


def fail(operation, error, **traits):
    """Let an operation fail as the API and the task manager do.

    :param operation: last part of the class of the notification
    """
    request = context.TroveContext(
        user_id=bus.USER, project_id=bus.PROJECT, auth_token='hunter2',
        request_id=bus.request_id(operation), overwrite=False,
        service_catalog=[{'name': 'hunter2'}])
    request.notification = getattr(notification, f'DBaaS{operation}')(
        request, request=types.SimpleNamespace(
            remote_addr='10.20.30.41', host='10.20.30.40'))
    try:
        with notification.StartNotification(request, **traits):
            raise error
    except type(error):
        pass


def main(path):
    recorder = bus.Recorder('trove', 'trove')
    cfg.CONF([], project='trove', default_config_files=[])
    cfg.CONF.set_override('host', '10.20.30.40')
    rpc.set_defaults(control_exchange='trove')
    rpc.init(cfg.CONF)
    names = dict(name='db', datastore='mysql', datastore_version='8.0')
    fail('InstanceCreate', exception.QuotaExceeded(overs=['instances']),
         flavor_id='1', image_id=bus.make_id('image'), region_name='one',
         availability_zone='nova', **names)
    instance = bus.make_id('db-instance')
    for name in INSTANCE:
        fail(f'Instance{name}', exception.TroveError(bus.NASTY),
             instance_id=instance, new_size=2, new_flavor_id='2',
             configuration_id=bus.make_id('configuration'),
             datastore_version_id=bus.make_id('version'))
    fail('InstanceMigrate', exception.PollTimeOut(), host=bus.HOST,
         instance_id=instance)
    fail('ClusterCreate', exception.TroveError(bus.NASTY), **names)
    for name in CLUSTER:
        fail(f'Cluster{name}', exception.TroveError(bus.NASTY),
             cluster_id=bus.make_id('db-cluster'), datastore_version='8.0',
             configuration_id=bus.make_id('configuration'))
    fail('BackupCreate', exception.BackupCreationError(bus.NASTY), name='b',
         instance_id=instance, description='', parent_id=None)
    fail('BackupDelete', exception.TroveError(bus.NASTY),
         backup_id=bus.make_id('db-backup'))
    for name in DATABASE:
        fail(name, exception.TroveError(bus.NASTY), instance_id=instance,
             dbname='shop', username='alice', database='shop')
    fail('ConfigurationCreate', exception.TroveError(bus.NASTY), **names)
    for name in ('Delete', 'Edit'):
        fail(f'Configuration{name}', exception.TroveError(bus.NASTY),
             configuration_id=bus.make_id('configuration'), name='c',
             description='')
    # Only the errors, and one start, to keep the file small.
    recorder.rows = [row for number, row in enumerate(recorder.rows)
                     if number % 2 or not number]
    recorder.write(path, 'trove')


if __name__ == '__main__':
    main(sys.argv[1])
