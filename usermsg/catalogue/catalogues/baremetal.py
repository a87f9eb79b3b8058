# SPDX-License-Identifier: Apache-2.0
"""Messages of the bare metal service."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create node')
    UPDATE = entries.Action('002', 'update node')
    DELETE = entries.Action('003', 'delete node')
    SET_PROVISION_STATE = entries.Action('004', 'change provision state')
    SET_POWER_STATE = entries.Action('005', 'change power state')
    SET_CONSOLE_STATE = entries.Action('006', 'enable or disable console')
    RESTORE_CONSOLE = entries.Action('007', 'restore console')
    SET_MAINTENANCE = entries.Action('008', 'change maintenance mode')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    DEPLOY_FAILED = entries.Detail(
        '002',
        'The node could not be deployed.',
        'Check the image and the settings of the deployment, then try '
        'again; if it keeps failing, give your operator the request id.',
        retryable=True,
        exceptions=('InstanceDeployFailure',))
    CLEANING_FAILED = entries.Detail.temporary(
        '003',
        'The node could not be cleaned.',
        exceptions=('NodeCleaningFailure',))
    UNDEPLOY_FAILED = entries.Detail.temporary(
        '004',
        'The deployment of the node could not be removed.')
    INSPECTION_FAILED = entries.Detail.temporary(
        '005',
        'The hardware of the node could not be inspected.',
        exceptions=('HardwareInspectionFailure',))
    RESCUE_FAILED = entries.Detail.temporary(
        '006',
        'The node could not be put into rescue mode.',
        exceptions=('InstanceRescueFailure',))
    UNRESCUE_FAILED = entries.Detail.temporary(
        '007',
        'The rescue mode of the node could not be ended.',
        exceptions=('InstanceUnrescueFailure',))
    VERIFICATION_FAILED = entries.Detail.fixable(
        '008',
        'The management interface of the node could not be reached with the '
        'given settings.',
        'Check the address and the credentials in the driver information of '
        'the node, then try again.',
        retryable=True,
        exceptions=('NodeVerifyFailure',))
    ADOPTION_FAILED = entries.Detail.fixable(
        '009',
        'The node could not be adopted.',
        'Check the settings of the node, then try again.',
        retryable=True)
    SERVICING_FAILED = entries.Detail.temporary(
        '010',
        'The requested changes to the deployed node could not be made.',
        exceptions=('NodeServicingFailure',))
    POWER_FAILED = entries.Detail.temporary(
        '011',
        'The power state of the node could not be read or changed.',
        exceptions=('PowerStateFailure', 'IPMIFailure', 'SNMPFailure',
                    'RedfishError', 'RedfishConnectionError'))
    CONSOLE_FAILED = entries.Detail.temporary(
        '012',
        'The console of the node could not be started or stopped.',
        exceptions=('ConsoleError', 'ConsoleSubprocessFailed',
                    'ConsoleContainerError', 'NoFreeIPMITerminalPorts'))
    NODE_LOCKED = entries.Detail.fixable(
        '013',
        'Another operation on the node was in progress.',
        'Wait until other operations have finished, then try again.',
        retryable=True,
        exceptions=('NodeLocked', 'ParentNodeLocked', 'ChildNodeLocked'))
    IMAGE_NOT_USABLE = entries.Detail.fixable(
        '014',
        'The image does not exist, is damaged, or cannot be deployed to '
        'this node.',
        'Check the image and its checksum, or choose another image.',
        exceptions=('ImageNotFound', 'ImageNotAuthorized', 'InvalidImageRef',
                    'ImageRefValidationFailed', 'ImageUnacceptable',
                    'InvalidImage', 'ImageChecksumError'))


NAMESPACE = entries.Namespace(
    'BAREMETAL',
    resource_types=(resource_types.NODE,),
    actions=Actions, details=Details)
