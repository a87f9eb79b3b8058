# SPDX-License-Identifier: Apache-2.0
"""Messages of container infrastructure management."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create cluster')
    UPDATE = entries.Action('002', 'update cluster')
    DELETE = entries.Action('003', 'delete cluster')
    RESIZE = entries.Action('004', 'resize cluster')
    UPGRADE = entries.Action('005', 'upgrade cluster')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    CLUSTER_FAILED = entries.Detail(
        '002',
        'The operation failed, and the cluster now has a failed status.',
        'Show the cluster for the reason of its status. Delete a cluster '
        'that could not be created; otherwise correct the cause and try '
        'again.',
        retryable=True)
    OVER_QUOTA = entries.Detail.fixable(
        '003',
        'The operation would exceed a quota of your project.',
        'Delete clusters that you no longer need or ask your operator for a '
        'larger quota, then try again.',
        exceptions=('ResourceLimitExceeded',))
    RESOURCE_NOT_FOUND = entries.Detail.fixable(
        '004',
        'An image, flavor, network, volume type or key pair that the '
        'cluster needs does not exist, or you may not use it.',
        'Correct the cluster template or the request, then try again.',
        exceptions=('ImageNotFound', 'ImageNotAuthorized',
                    'OSDistroFieldNotFound', 'FlavorNotFound',
                    'KeyPairNotFound', 'VolumeTypeNotFound',
                    'FixedNetworkNotFound', 'FixedSubnetNotFound',
                    'ExternalNetworkNotFound', 'ClusterTemplateNotFound'))
    NOT_SUPPORTED = entries.Detail.fixable(
        '005',
        'This cloud does not support the operation for this kind of '
        'cluster.',
        'Choose another cluster template or other options.',
        exceptions=('ClusterTypeNotSupported', 'ClusterTypeBetaNotEnabled',
                    'ClusterDriverNotSupported',
                    'ClusterUpgradeNotSupported',
                    'MasterNGResizeNotSupported',
                    'ZeroNodeCountNotSupported',
                    'FlavorZeroRootVolumeNotSupported',
                    'DeletingDefaultNGNotSupported',
                    'InvalidClusterTemplateForUpgrade'))
    CERTIFICATE_FAILED = entries.Detail.temporary(
        '006',
        'The certificates of the cluster could not be created, stored or '
        'read.',
        exceptions=('CertificateStorageException',
                    'CertificateValidationError',
                    'CertificatesToClusterFailed'))
    OPERATION_IN_PROGRESS = entries.Detail.fixable(
        '007',
        'Another operation on the cluster was in progress.',
        'Wait until other operations have finished, then try again.',
        retryable=True,
        exceptions=('OperationInProgress', 'NgOperationInProgress'))
    DISCOVERY_FAILED = entries.Detail.temporary(
        '008',
        'The discovery service, with which the nodes of the cluster find '
        'each other, could not be used.',
        exceptions=('GetDiscoveryUrlFailed', 'InvalidDiscoveryURL',
                    'InvalidClusterDiscoveryURL', 'GetClusterSizeFailed'))


NAMESPACE = entries.Namespace(
    'CONTAINER_INFRA',
    resource_types=(resource_types.CLUSTER,),
    actions=Actions, details=Details)
