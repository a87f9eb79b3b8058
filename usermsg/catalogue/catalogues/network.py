# SPDX-License-Identifier: Apache-2.0
"""Messages of networking."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create port')
    UPDATE = entries.Action('002', 'update port')
    DELETE = entries.Action('003', 'delete port')
    BIND = entries.Action('004', 'bind port')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    PORT_BINDING_FAILED = entries.Detail.temporary(
        '002',
        'The port could not be bound to its host, so it has no connection '
        'to the network.',
        exceptions=('PortBindingError',))
    OVER_QUOTA = entries.Detail.fixable(
        '003',
        'The operation would exceed a quota of your project.',
        'Delete resources that you no longer need or ask your operator for '
        'a larger quota, then try again.',
        exceptions=('OverQuota',))
    NO_MORE_ADDRESSES = entries.Detail.fixable(
        '004',
        'The network has no free IP address left.',
        'Free addresses in the network or choose another network, then try '
        'again.',
        retryable=True,
        exceptions=('IpAddressGenerationFailure',))
    ADDRESS_IN_USE = entries.Detail.fixable(
        '005',
        'The requested IP or MAC address is already in use.',
        'Choose another address, or leave the choice open.',
        exceptions=('IpAddressInUse', 'MacAddressInUse'))
    PORT_IN_USE = entries.Detail.fixable(
        '006',
        'The port is in use, so it cannot be changed in this way.',
        'Detach the port from where it is used now, then try again.',
        exceptions=('PortInUse', 'PortBound'))


NAMESPACE = entries.Namespace(
    'NETWORK',
    resource_types=(resource_types.PORT,),
    actions=Actions, details=Details)
