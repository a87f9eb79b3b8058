# SPDX-License-Identifier: Apache-2.0
"""Messages of block storage."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class EventIds:
    """Event ids of whole messages.

    Messages made of an action and a detail are named by the ``Actions`` and
    ``Details`` of :mod:`usermsg.catalogue.catalogues`.
    """

    UNKNOWN_ERROR = 'VOLUME_000001'
    UNABLE_TO_ALLOCATE = 'VOLUME_000002'
    ATTACH_READONLY_VOLUME = 'VOLUME_000003'
    IMAGE_FROM_VOLUME_OVER_QUOTA = 'VOLUME_000004'
    UNMANAGE_ENCRYPTED_VOLUME_UNSUPPORTED = 'VOLUME_000005'


class Events:
    UNKNOWN_ERROR = entries.Event.temporary(
        EventIds.UNKNOWN_ERROR,
        'The operation failed, and the cause is not known.')
    UNABLE_TO_ALLOCATE = entries.Event.fixable(
        EventIds.UNABLE_TO_ALLOCATE,
        'No storage could be allocated for this volume request.',
        'Request a smaller volume, another volume type or another '
        'availability zone, or try again later.',
        retryable=True)
    ATTACH_READONLY_VOLUME = entries.Event.fixable(
        EventIds.ATTACH_READONLY_VOLUME,
        'The volume is read-only, so it was not attached for writing.',
        'Attach it in read-only mode, or remove its read-only flag first.')
    IMAGE_FROM_VOLUME_OVER_QUOTA = entries.Event.fixable(
        EventIds.IMAGE_FROM_VOLUME_OVER_QUOTA,
        'No image was created from the volume because your image quota is '
        'used up.',
        'Delete images that you no longer need, or ask your operator for a '
        'larger quota.')
    UNMANAGE_ENCRYPTED_VOLUME_UNSUPPORTED = entries.Event.fixable(
        EventIds.UNMANAGE_ENCRYPTED_VOLUME_UNSUPPORTED,
        'An encrypted volume cannot be unmanaged.',
        'Copy the data to an unencrypted volume, and unmanage that one.')


class Actions:
    SCHEDULE_ALLOCATE_VOLUME = entries.Action(
        '001', 'schedule allocate volume')
    ATTACH_VOLUME = entries.Action('002', 'attach volume')
    COPY_VOLUME_TO_IMAGE = entries.Action('003', 'copy volume to image')
    UPDATE_ATTACHMENT = entries.Action('004', 'update attachment')
    COPY_IMAGE_TO_VOLUME = entries.Action('005', 'copy image to volume')
    UNMANAGE_VOLUME = entries.Action('006', 'unmanage volume')
    EXTEND_VOLUME = entries.Action('007', 'extend volume')
    CREATE_VOLUME_FROM_BACKEND = entries.Action(
        '008', 'create volume on the storage system')
    SNAPSHOT_CREATE = entries.Action('009', 'create snapshot')
    SNAPSHOT_DELETE = entries.Action('010', 'delete snapshot')
    SNAPSHOT_UPDATE = entries.Action('011', 'update snapshot')
    SNAPSHOT_METADATA_UPDATE = entries.Action(
        '012', 'update snapshot metadata')
    BACKUP_CREATE = entries.Action('013', 'create backup')
    BACKUP_DELETE = entries.Action('014', 'delete backup')
    BACKUP_RESTORE = entries.Action('015', 'restore backup')
    REIMAGE_VOLUME = entries.Action('016', 'reimage volume')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    DRIVER_NOT_INITIALIZED = entries.Detail.temporary(
        '002',
        'The storage system is not ready to take requests.',
        exceptions=('DriverNotInitialized',))
    NO_BACKEND_AVAILABLE = entries.Detail.fixable(
        '003',
        'No storage system can fulfill this request.',
        'Request a smaller size, another volume type or another availability '
        'zone, or try again later.',
        retryable=True,
        exceptions=('NoValidBackend',))
    FAILED_TO_UPLOAD_VOLUME = entries.Detail.temporary(
        '004',
        'The contents of the volume could not be saved as an image.')
    VOLUME_ATTACH_MODE_INVALID = entries.Detail.fixable(
        '005',
        'The volume cannot be attached in the requested mode.',
        'Choose a mode that the volume allows, for example read-only for a '
        'volume that must not be written to.',
        exceptions=('InvalidVolumeAttachMode',))
    QUOTA_EXCEED = entries.Detail.fixable(
        '006',
        'The request would exceed a quota of your project.',
        'Delete resources that you no longer need, or ask your operator for '
        'a larger quota.',
        exceptions=('ImageLimitExceeded', 'BackupLimitExceeded',
                    'SnapshotLimitExceeded'))
    NOT_ENOUGH_SPACE_FOR_IMAGE = entries.Detail.fixable(
        '007',
        'There is not enough space to create a volume from the image.',
        'Use a smaller image, or try again later; if it keeps failing, give '
        'your operator the request id.',
        retryable=True,
        exceptions=('ImageTooBig',))
    UNMANAGE_ENC_NOT_SUPPORTED = entries.Detail.fixable(
        '008',
        'The volume is encrypted, so it cannot be unmanaged.',
        'Copy the data to an unencrypted volume, and unmanage that one.')
    NOTIFY_COMPUTE_SERVICE_FAILED = entries.Detail.fixable(
        '009',
        'The server that uses the volume could not be notified of its new '
        'size.',
        'Check the size inside the server; if it is still the old one, '
        'detach the volume and attach it again.')
    DRIVER_FAILED_EXTEND = entries.Detail(
        '010',
        'The storage system could not enlarge the volume.',
        'Ask your operator to check the volume, and give the request id.')
    SIGNATURE_VERIFICATION_FAILED = entries.Detail.fixable(
        '011',
        'The signature of the image could not be verified.',
        'Check the signature properties of the image, or use another image.')
    DRIVER_FAILED_CREATE = entries.Detail(
        '012',
        'The storage system could not create the volume.',
        'Delete the failed volume and create it again; if that fails too, '
        'give your operator the request id.',
        retryable=True)
    SNAPSHOT_CREATE_ERROR = entries.Detail(
        '013',
        'The storage system could not create the snapshot.',
        'Delete the failed snapshot and create it again; if that fails too, '
        'give your operator the request id.',
        retryable=True)
    SNAPSHOT_UPDATE_METADATA_FAILED = entries.Detail(
        '014',
        'The metadata of the snapshot could not be saved.',
        'Check the snapshot; if its status is error, delete it and create '
        'it again.',
        retryable=True)
    SNAPSHOT_IS_BUSY = entries.Detail.fixable(
        '015',
        'The snapshot is still in use, for example by a volume that was '
        'created from it.',
        'Delete the resources that depend on the snapshot, or wait until '
        'they no longer need it, then try again.',
        retryable=True,
        exceptions=('SnapshotIsBusy',))
    SNAPSHOT_DELETE_ERROR = entries.Detail(
        '016',
        'The storage system could not delete the snapshot.',
        'Ask your operator to check the snapshot, and give the request id.')
    BACKUP_INVALID_STATE = entries.Detail(
        '017',
        'The status of the backup does not allow this operation.',
        'Wait until no other operation is running on the backup, then check '
        'its status and try again.',
        retryable=True)
    BACKUP_SERVICE_DOWN = entries.Detail.temporary(
        '018',
        'The service that handles this backup is not available.')
    BACKUP_CREATE_DEVICE_ERROR = entries.Detail.temporary(
        '019',
        'The volume could not be opened to read its data for the backup.')
    BACKUP_CREATE_DRIVER_ERROR = entries.Detail.temporary(
        '020',
        'The data could not be written to the backup storage.')
    ATTACH_ERROR = entries.Detail.temporary(
        '021',
        'The connection to the volume could not be established.')
    DETACH_ERROR = entries.Detail(
        '022',
        'The connection to the volume could not be closed.',
        'Check the status of the volume; if it is available, try again, '
        'otherwise give your operator the request id.',
        retryable=True)
    BACKUP_CREATE_CLEANUP_ERROR = entries.Detail(
        '023',
        'Temporary data that was needed for the backup could not be removed.',
        'Check the status of the backup, and give your operator the request '
        'id so that the leftovers are removed.')
    BACKUP_SCHEDULE_ERROR = entries.Detail.temporary(
        '024',
        'No backup service was found that can accept this request.')
    BACKUP_DELETE_DRIVER_ERROR = entries.Detail.temporary(
        '025',
        'The data could not be removed from the backup storage.')
    BACKUP_RESTORE_ERROR = entries.Detail(
        '026',
        'The data of the backup could not be written to the volume.',
        'Treat the contents of the volume as incomplete, and restore the '
        'backup again, if possible to a new volume.',
        retryable=True)
    VOLUME_INVALID_STATE = entries.Detail(
        '027',
        'The status of the volume does not allow this operation.',
        'Wait until no other operation is running on the volume, then check '
        'its status and try again.',
        retryable=True)
    REIMAGE_VOLUME_FAILED = entries.Detail(
        '028',
        'The volume could not be overwritten with the image.',
        'Treat the contents of the volume as incomplete, and try again; if '
        'it keeps failing, give your operator the request id.',
        retryable=True)
    IMAGE_FORMAT_UNACCEPTABLE = entries.Detail.fixable(
        '029',
        'The format of the image cannot be used with this volume.',
        'Choose another image format, for example raw, or use another image.')
    INCREMENTAL_BACKUP_FORCES_FULL_BACKUP = entries.Detail(
        '030',
        'No earlier backup was a suitable base, so a full backup is made '
        'instead of an incremental one.',
        'Expect a larger backup that takes longer.')


NAMESPACE = entries.Namespace(
    'VOLUME',
    resource_types=(resource_types.VOLUME,
                    resource_types.VOLUME_SNAPSHOT,
                    resource_types.VOLUME_BACKUP),
    events=Events, actions=Actions, details=Details)
