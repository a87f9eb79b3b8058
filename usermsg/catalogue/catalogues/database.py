# SPDX-License-Identifier: Apache-2.0
"""Messages of the database service."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create')
    DELETE = entries.Action('002', 'delete')
    RESTART = entries.Action('003', 'restart database server')
    REBOOT = entries.Action('004', 'reboot')
    RESIZE_VOLUME = entries.Action('005', 'resize volume')
    RESIZE = entries.Action('006', 'change flavor')
    PROMOTE = entries.Action('007', 'promote to replication source')
    EJECT = entries.Action('008', 'eject replication source')
    DETACH = entries.Action('009', 'detach from replication source')
    RESET_STATUS = entries.Action('010', 'reset status')
    ATTACH_CONFIGURATION = entries.Action('011', 'attach configuration')
    DETACH_CONFIGURATION = entries.Action('012', 'detach configuration')
    UPGRADE = entries.Action('013', 'upgrade')
    MIGRATE = entries.Action('014', 'migrate')
    ADD_SHARD = entries.Action('015', 'add shard')
    GROW = entries.Action('016', 'add members')
    SHRINK = entries.Action('017', 'remove members')
    CREATE_DATABASE = entries.Action('018', 'create database')
    DELETE_DATABASE = entries.Action('019', 'delete database')
    CREATE_USER = entries.Action('020', 'create database user')
    DELETE_USER = entries.Action('021', 'delete database user')
    UPDATE_USER = entries.Action('022', 'change database user')
    GRANT_ACCESS = entries.Action('023', 'grant access to database')
    REVOKE_ACCESS = entries.Action('024', 'revoke access to database')
    CHANGE_PASSWORD = entries.Action('025', 'change password of database user')
    UPDATE = entries.Action('026', 'update')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    OVER_QUOTA = entries.Detail.fixable(
        '002',
        'The operation would exceed a quota of your project.',
        'Delete resources that you no longer need or ask your operator for '
        'a larger quota, then try again.',
        exceptions=('QuotaExceeded', 'VolumeQuotaExceeded',
                    'QuotaLimitTooSmall', 'OverLimit'))
    TIMED_OUT = entries.Detail.temporary(
        '003',
        'The operation did not finish in the time allowed.',
        exceptions=('PollTimeOut', 'GuestTimeout'))
    GUEST_FAILED = entries.Detail.temporary(
        '004',
        'The agent that manages the database server could not complete its '
        'part of the operation.',
        exceptions=('GuestError', 'UpdateGuestError'))
    VOLUME_FAILED = entries.Detail.temporary(
        '005',
        'The volume of the database instance could not be created or '
        'attached.',
        exceptions=('VolumeCreationFailure', 'VolumeAttachmentsNotFound'))
    BACKUP_FAILED = entries.Detail.temporary(
        '006',
        'The backup could not be written to or read from its storage.',
        exceptions=('BackupCreationError', 'BackupUploadError',
                    'BackupDownloadError', 'BackupUpdateError',
                    'SwiftAuthError', 'SwiftConnectionError',
                    'RestoreBackupIntegrityError'))
    BACKUP_NOT_USABLE = entries.Detail.fixable(
        '007',
        'The backup is not complete, no longer exists, or does not suit the '
        'database instance.',
        'Choose another backup, or a larger volume for the instance.',
        exceptions=('BackupNotCompleteError', 'BackupFileNotFound',
                    'BackupDatastoreMismatchError', 'BackupTooLarge',
                    'SwiftNotFound'))
    NOT_ENOUGH_SPACE = entries.Detail.fixable(
        '008',
        'There was not enough disk space in the database instance for the '
        'operation.',
        'Delete data that you no longer need or resize the volume, then try '
        'again.',
        retryable=True,
        exceptions=('InsufficientSpaceForReplica',
                    'InsufficientSpaceForBackup'))
    CONFIGURATION_NOT_USABLE = entries.Detail.fixable(
        '009',
        'The configuration contains a parameter that is not supported, or '
        'does not suit the database instance.',
        'Correct the configuration or choose another one, then try again.',
        exceptions=('ConfigurationNotSupported',
                    'ConfigurationDatastoreNotMatchInstance',
                    'ConfigurationParameterDeleted',
                    'ConfigurationAlreadyAttached',
                    'InstanceAssignedToConfiguration', 'UnprocessableEntity'))
    REPLICATION_FAILED = entries.Detail.temporary(
        '010',
        'The replication between the database instances could not be set up '
        'or changed.',
        exceptions=('ReplicationSlaveAttachError',
                    'UnableToDetermineLastMasterGTID'))
    NOT_SUPPORTED = entries.Detail.fixable(
        '011',
        'The operation is not supported for this datastore or this kind of '
        'resource.',
        'Choose another datastore or another operation.',
        exceptions=('DatastoreOperationNotSupported',
                    'ReplicationNotSupported',
                    'IncompatibleReplicationStrategy',
                    'SlaveOperationNotSupported', 'VolumeNotSupported',
                    'LocalStorageNotSupported',
                    'ClusterOperationNotSupported',
                    'ClusterInstanceOperationNotSupported',
                    'ClusterDatastoreNotSupported',
                    'ClusterNumInstancesNotSupported'))
    INVALID_STATE = entries.Detail.fixable(
        '012',
        'The status of the resource does not permit the operation.',
        'Check the status, wait until other operations have finished, then '
        'try again.',
        retryable=True,
        exceptions=('InvalidInstanceState', 'ReplicaSourceDeleteForbidden',
                    'ClusterShrinkInstanceInUse'))
    NETWORK_NOT_USABLE = entries.Detail.fixable(
        '013',
        'The requested network cannot be used for the database instance.',
        'Name a network that your project may use, and check its subnets.',
        exceptions=('NetworkNotFound', 'PublicNetworkNotFound',
                    'NetworkConflict', 'NetworkNotProvided',
                    'SubnetNotFound'))


NAMESPACE = entries.Namespace(
    'DATABASE',
    resource_types=(resource_types.DATABASE_INSTANCE,
                    resource_types.DATABASE_CLUSTER,
                    resource_types.DATABASE_BACKUP,
                    resource_types.DATABASE_CONFIGURATION),
    actions=Actions, details=Details)
