# SPDX-License-Identifier: Apache-2.0
"""Messages of the shared file systems."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    ALLOCATE_HOST = entries.Action('001', 'allocate storage')
    CREATE = entries.Action('002', 'create')
    DELETE_ACCESS_RULES = entries.Action('003', 'remove access rules')
    PROMOTE = entries.Action('004', 'promote to active replica')
    UPDATE = entries.Action('005', 'update')
    REVERT_TO_SNAPSHOT = entries.Action('006', 'revert to a snapshot')
    DELETE = entries.Action('007', 'delete')
    EXTEND = entries.Action('008', 'extend')
    SHRINK = entries.Action('009', 'shrink')
    UPDATE_ACCESS_RULES = entries.Action('010', 'change access rules')
    ADD_UPDATE_SECURITY_SERVICE = entries.Action(
        '011', 'add or change security service')
    TRANSFER_ACCEPT = entries.Action('026', 'accept transfer')
    UPDATE_METADATA = entries.Action('027', 'change metadata')
    RESTORE_BACKUP = entries.Action('028', 'restore a backup')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    NO_VALID_HOST = entries.Detail.fixable(
        '002',
        'No storage system was found that meets all conditions of this '
        'request.',
        'Request less space, another share type or another availability '
        'zone, or try again later.',
        retryable=True,
        exceptions=('NoValidHost',))
    UNEXPECTED_NETWORK = entries.Detail.fixable(
        '003',
        'A share network was given, but the storage system chosen for the '
        'share does not use share networks.',
        'Leave out the share network, or choose a share type that uses one.',
        exceptions=('InvalidDriverMode',))
    NO_SHARE_SERVER = entries.Detail.fixable(
        '004',
        'The share network has no usable share server, and none could be set '
        'up.',
        'Check the network and subnet of the share network or choose another '
        'share network, then try again; if it keeps failing, give your '
        'operator the request id.',
        retryable=True,
        exceptions=('ShareServerNotCreated', 'ShareServerNotReady'))
    NO_ACTIVE_AVAILABLE_REPLICA = entries.Detail(
        '005',
        'A replica can be added only while the active replica of the share '
        'is available, and it is not.',
        'Wait until the active replica is available, then try again; if it '
        'does not recover, give your operator the request id.',
        retryable=True)
    NO_ACTIVE_REPLICA = entries.Detail(
        '006',
        'None of the replicas of the share is active.',
        'Give your operator the request id.')
    FILTER_AVAILABILITY = entries.Detail.fixable(
        '007',
        'No storage system for this request is available in the requested '
        'availability zone.',
        'Choose another availability zone or leave the choice open, or try '
        'again later.',
        retryable=True)
    FILTER_CAPABILITIES = entries.Detail.fixable(
        '008',
        'No storage system has all the features that the share type '
        'requires.',
        'Choose another share type.')
    FILTER_CAPACITY = entries.Detail.fixable(
        '009',
        'No storage system has enough free space for this request.',
        'Request less space or another share type, or try again later.',
        retryable=True)
    FILTER_DRIVER = entries.Detail.fixable(
        '010',
        'None of the available storage systems accepts a request like this '
        'one.',
        'Try another size or share type; if that does not help, give your '
        'operator the request id.')
    FILTER_IGNORE = entries.Detail.temporary(
        '011',
        'Every storage system that suits this request was already tried '
        'without success.')
    FILTER_JSON = entries.Detail.fixable(
        '012',
        'No storage system matches the query in the scheduler hint of this '
        'request.',
        'Change the query in the scheduler hint, or leave it out.')
    FILTER_RETRY = entries.Detail.temporary(
        '013',
        'Earlier attempts failed, and no other storage system is left to try '
        'for this request.')
    FILTER_REPLICATION = entries.Detail.fixable(
        '014',
        'No storage system can hold another replica of this share.',
        'Choose another availability zone for the replica, or delete a '
        'replica that you no longer need.')
    DRIVER_FAILED_EXTEND = entries.Detail(
        '015',
        'The storage system failed to extend the share, which now has an '
        'error status.',
        'Give your operator the request id; the status must be reset before '
        'the share can be extended.',
        exceptions=('ShareExtendingError',))
    FILTER_CREATE_FROM_SNAPSHOT = entries.Detail.fixable(
        '016',
        'No storage system can create a share from this snapshot as '
        'requested.',
        'Use the share type and the availability zone of the share from '
        'which the snapshot was taken.')
    DRIVER_FAILED_CREATING_FROM_SNAP = entries.Detail(
        '017',
        'The storage system could not create the new share from the '
        'snapshot.',
        'Delete the new share and create it from the snapshot once more; if '
        'that fails too, give your operator the request id.',
        retryable=True)
    DRIVER_REFUSED_SHRINK = entries.Detail.fixable(
        '018',
        'The share contains more data than fits into the new size. It keeps '
        'its current size.',
        'Request a larger size, or first delete files in the share.',
        exceptions=('ShareShrinkingPossibleDataLoss',))
    DRIVER_FAILED_SHRINK = entries.Detail(
        '019',
        'The storage system of this share cannot shrink shares.',
        'Create a smaller share, copy the data to it and delete this one.')
    FORBIDDEN_CLIENT_ACCESS = entries.Detail.fixable(
        '020',
        'The storage system does not permit access for the client named in '
        'the access rule.',
        'Delete the access rule and create one that names another client.')
    UNSUPPORTED_CLIENT_ACCESS = entries.Detail.fixable(
        '021',
        'The share cannot be accessed with the type or level that the access '
        'rule specifies.',
        'Delete the access rule and create one with another type or level.',
        exceptions=('InvalidShareAccessLevel', 'InvalidShareAccessType'))
    UNSUPPORTED_ADD_UDPATE_SECURITY_SERVICE = entries.Detail.fixable(
        '022',
        'A security service of the share network was not accepted. Its type '
        'is not supported, or its settings are wrong.',
        'Correct the settings of the security service or use one of another '
        'type, then try again.')
    SECURITY_SERVICE_FAILED_AUTH = entries.Detail.fixable(
        '023',
        'The share could not be set up because the user of the security '
        'service could not log in or lacks rights.',
        'Correct the domain, user, password or organizational unit in the '
        'security service, or extend the rights of the user, then try again.',
        exceptions=('SecurityServiceFailedAuth',))
    NO_DEFAULT_SHARE_TYPE = entries.Detail.fixable(
        '024',
        'The request names no share type, and this cloud has no default one.',
        'Name a share type in the request.',
        exceptions=('DefaultShareTypeNotConfigured',))
    MISSING_SECURITY_SERVICE = entries.Detail.fixable(
        '025',
        'The protocol of the share needs a security service that the share '
        'network does not have.',
        'Add a security service of the right type to the share network, then '
        'create the share again.')
    DRIVER_FAILED_TRANSFER_ACCEPT = entries.Detail.fixable(
        '026',
        'The share still has access rules, and its storage system can hand '
        'it over only without them.',
        'Accept the transfer with the option to clear access rules, or first '
        'ask the current owner to remove them.',
        exceptions=('DriverCannotTransferShareWithRules',))
    SHARE_NETWORK_PORT_QUOTA_LIMIT_EXCEEDED = entries.Detail.fixable(
        '027',
        'The share network needs another network port, but the port quota is '
        'used up.',
        'Delete ports that you no longer need or ask your operator for a '
        'larger quota, then try again.',
        exceptions=('PortLimitExceeded',))
    SHARE_BACKEND_NOT_READY_YET = entries.Detail.temporary(
        '028',
        'The storage system for shares is not ready at the moment.',
        exceptions=('WillNotSchedule',))
    UPDATE_METADATA_SUCCESS = entries.Detail(
        '029',
        'The storage system has applied the changed metadata.')
    UPDATE_METADATA_FAILURE = entries.Detail.fixable(
        '030',
        'The storage system could not apply the changed metadata.',
        'Check the keys and values and set them again; if it keeps failing, '
        'give your operator the request id.',
        retryable=True)
    UPDATE_METADATA_NOT_DELETED = entries.Detail.fixable(
        '031',
        'Metadata that the storage system uses was deleted, but deletions '
        'are not passed on to the storage system.',
        'If the storage system should behave differently, set the key again '
        'with the value that you want.')
    TARGETED_RESTORE_UNSUPPORTED = entries.Detail.fixable(
        '032',
        'The storage system can restore this backup only to the share from '
        'which it was taken.',
        'Restore the backup to its original share.')
    NEUTRON_SUBNET_FULL = entries.Detail.fixable(
        '033',
        'The subnet of the share network has no free IP address left.',
        'Free addresses in the subnet, or use a share network with another '
        'subnet, then try again.',
        retryable=True,
        exceptions=('IpAddressGenerationFailureClient',))
    UNSUPPORTED_REPLICA_CREATE_CONFIG = entries.Detail.fixable(
        '034',
        'The storage system cannot replicate the share in its present '
        'configuration.',
        'Delete snapshots of the share that you no longer need, or use a '
        'share of another share type.')
    DRIVER_FAILED_REVERTING_TO_SNAPSHOT = entries.Detail.temporary(
        '035',
        'The storage system could not revert the share to the snapshot.')


NAMESPACE = entries.Namespace(
    'SHARE',
    resource_types=(resource_types.SHARE,
                    resource_types.SHARE_GROUP,
                    resource_types.SHARE_REPLICA,
                    resource_types.SHARE_SNAPSHOT,
                    resource_types.SECURITY_SERVICE,
                    resource_types.SHARE_NETWORK_SUBNET),
    actions=Actions, details=Details)
