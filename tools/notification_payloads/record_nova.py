# SPDX-License-Identifier: Apache-2.0
"""Record the notifications that Nova sends about failed operations.

The format is ``both``: each failure is notified of unversioned and versioned,
where Nova has both.
"""

import datetime
import sys
from unittest import mock

import bus
from nova.compute import utils
from nova.conductor import manager  # noqa: F401 (registers objects)
import nova.conf
from nova import config
from nova import context
from nova import exception
from nova import exception_wrapper
from nova.network import model
from nova import objects
from nova.objects import fields
from nova import rpc
from nova.scheduler import utils as scheduler_utils

CONF = nova.conf.CONF
MOMENT = datetime.datetime(2026, 11, 21, 21, 0, 0,
                           tzinfo=datetime.timezone.utc)


def make_context(name, admin=False):
    return context.RequestContext(
        user_id=bus.ADMIN if admin else bus.USER,
        project_id=bus.ADMIN_PROJECT if admin else bus.PROJECT,
        request_id=bus.request_id(name), is_admin=admin,
        auth_token='gAAAAABhunter2', timestamp=MOMENT, roles=['member'],
        overwrite=False)


def make_flavor():
    return objects.Flavor(
        id=1, name='m1.small', memory_mb=2048, vcpus=1, root_gb=20,
        ephemeral_gb=0, flavorid='2', swap=0, rxtx_factor=1.0,
        vcpu_weight=0, disabled=False, is_public=True, extra_specs={},
        description=None, projects=[], created_at=None, updated_at=None,
        deleted_at=None, deleted=False)


def make_instance(request, name):
    flavor = make_flavor()
    return objects.Instance(
        context=request, id=1, uuid=bus.make_id(name), display_name=name,
        display_description=None, hostname=name,
        host=bus.HOST, node=bus.HOST, os_type=None, architecture=None,
        availability_zone='nova', user_id=bus.USER, project_id=bus.PROJECT,
        image_ref=bus.make_id('image'), kernel_id='', ramdisk_id='',
        vm_state='building', task_state='spawning', power_state=0,
        memory_mb=2048, vcpus=1, root_gb=20, ephemeral_gb=0, progress=0,
        instance_type_id=1, flavor=flavor, metadata={}, system_metadata={},
        created_at=MOMENT, updated_at=MOMENT, deleted_at=None,
        launched_at=None, terminated_at=None, deleted=False, cleaned=False,
        locked=False, locked_by=None, auto_disk_config=True, key_name=None,
        reservation_id='r-1', cell_name=None, access_ip_v4=None,
        access_ip_v6=None, config_drive='', tags=objects.TagList(),
        info_cache=objects.InstanceInfoCache(
            network_info=model.NetworkInfo([])),
        keypairs=objects.KeyPairList(objects=[]), trusted_certs=None,
        numa_topology=None)


def make_request_spec(request, name):
    spec = scheduler_utils.build_request_spec(
        {'id': bus.make_id('image'), 'properties': {}},
        [make_instance(request, name)])
    spec['instance_properties'].update(numa_topology=None, pci_requests=None)
    return spec


class Recording:

    def __init__(self, path):
        self.recorder = bus.Recorder('nova', 'nova', CONF)
        config.parse_args(['nova'], default_config_files=[],
                          configure_db=False)
        CONF.set_override('host', bus.HOST)
        CONF.set_override('transport_url', 'fake://')
        CONF.set_override('notification_format', 'both', 'notifications')
        CONF.set_override('bdms_in_notifications', False, 'notifications')
        CONF.set_override('api_servers', ['http://127.0.0.1:9292'], 'glance')
        rpc.init(CONF)
        objects.register_all()
        self.path = path

    def failed(self, action, error, name):
        """Let nova-compute fail an operation of an instance."""
        handle(error, self._failed, action, error, name)

    def task_failed(self, method, error, name, spec=True, admin=False):
        """Let the conductor fail to place an instance.

        :param spec: False if the conductor has no request spec
        """
        handle(error, self._task_failed, method, error, name, spec, admin)

    def _failed(self, action, error, name):
        request = make_context(name)
        instance = make_instance(request, name)
        legacy = {'create', 'rebuild', 'resize', 'reboot'}
        if action in legacy:
            utils.notify_about_instance_usage(
                rpc.get_notifier('compute'), request, instance,
                f'{action}.error', network_info=[], fault=error)
        bdms = objects.BlockDeviceMappingList(objects=[])
        if action == 'create':
            utils.notify_about_instance_create(
                request, instance, bus.HOST,
                phase=fields.NotificationPhase.ERROR, exception=error,
                bdms=bdms)
        elif action == 'rebuild':
            utils.notify_about_instance_rebuild(
                request, instance, bus.HOST,
                phase=fields.NotificationPhase.ERROR, exception=error,
                bdms=bdms)
        elif action == 'volume_swap':
            utils.notify_about_volume_swap(
                request, instance, bus.HOST, fields.NotificationPhase.ERROR,
                bus.make_id('volume-old'), bus.make_id('volume-new'),
                exception=error)
        elif action.startswith('volume_'):
            utils.notify_about_volume_attach_detach(
                request, instance, bus.HOST, action,
                fields.NotificationPhase.ERROR,
                volume_id=bus.make_id('volume'), exception=error)
        elif action.startswith('share_'):
            utils.notify_about_share_attach_detach(
                request, instance, bus.HOST, action,
                fields.NotificationPhase.ERROR,
                share_id=bus.make_id('share'), exception=error)
        else:
            utils.notify_about_instance_action(
                request, instance, bus.HOST, action,
                phase=fields.NotificationPhase.ERROR, exception=error,
                bdms=bdms)

    def _task_failed(self, method, error, name, spec, admin):
        request = make_context(name, admin)
        instance_uuid = bus.make_id(name)
        if not spec:
            utils.notify_about_compute_task_error(
                request, method, instance_uuid, None, 'error', error)
            return
        with mock.patch.object(objects.Instance, 'save'), mock.patch.object(
                utils, 'add_instance_fault_from_exc'):
            scheduler_utils.set_vm_state_and_notify(
                request, instance_uuid, 'compute_task', method,
                {'vm_state': 'error'}, error,
                make_request_spec(request, name))


def handle(error, function, *args):
    """Call a function while an exception is handled.

    Nova reads the current traceback for its payloads.
    """
    try:
        raise error
    except type(error):
        function(*args)


def main(path):
    recording = Recording(path)
    failed, task_failed = recording.failed, recording.task_failed
    failed('create', exception.ImageUnacceptable(
        image_id=bus.make_id('image'), reason=bus.NASTY), 'create')
    failed('rebuild', exception.FlavorDiskSmallerThanImage(
        flavor_size=1, image_size=2), 'rebuild')
    failed('resize', exception.ResizeError(reason=bus.NASTY), 'resize')
    failed('reboot', exception.InstanceNotRunning(
        instance_id=bus.make_id('reboot')), 'reboot')
    failed('interface_attach', exception.InterfaceAttachFailed(
        instance_uuid=bus.make_id('interface')), 'interface')
    failed('volume_attach', exception.VolumeAttachFailed(
        volume_id=bus.make_id('volume'), reason=bus.NASTY), 'attach')
    failed('volume_swap', OSError(bus.NASTY), 'swap')
    failed('share_attach', exception.ShareMountError(
        share_id=bus.make_id('share'), server_id=bus.make_id('share-attach'),
        reason=bus.NASTY), 'share-attach')
    failed('share_detach', exception.ShareUmountError(
        share_id=bus.make_id('share'), server_id=bus.make_id('share-detach'),
        reason=bus.NASTY), 'share-detach')
    task_failed('build_instances', exception.NoValidHost(reason=bus.NASTY),
                'build')
    # A retry that the last of several hosts fails: nova-compute notifies
    # first, the conductor then.
    failed('create', exception.PortBindingFailed(
        port_id=bus.make_id('port')), 'retries')
    task_failed('build_instances', exception.MaxRetriesExceeded(
        reason=bus.NASTY), 'retries')
    task_failed('migrate_server', exception.MigrationPreCheckError(
        reason=bus.NASTY), 'migrate', spec=False, admin=True)
    task_failed('rebuild_server', exception.NoValidHost(reason=''),
                'evacuate', admin=True)
    wrapped(recording)
    error = OSError(bus.NASTY)
    handle(error, utils.notify_about_libvirt_connect_error,
           make_context('libvirt', admin=True), '10.20.30.40', error)
    recording.recorder.write(path, 'nova', 'oslo.versionedobjects')


def wrapped(recording):
    """Let a method of nova-compute that reports its exceptions fail."""
    class Manager:
        host = bus.HOST

        @exception_wrapper.wrap_exception('compute', 'nova-compute')
        def attach_volume(self, context, instance):
            raise exception.VolumeAttachFailed(
                volume_id=bus.make_id('volume'), reason=bus.NASTY)

    request = make_context('wrapped', admin=True)
    try:
        Manager().attach_volume(request, instance=None)
    except exception.VolumeAttachFailed:
        pass


if __name__ == '__main__':
    main(sys.argv[1])
