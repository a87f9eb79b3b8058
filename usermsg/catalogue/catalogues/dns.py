# SPDX-License-Identifier: Apache-2.0
"""Messages of the DNS service."""

from usermsg.catalogue import entries
from usermsg.catalogue import resource_types


class Actions:
    CREATE = entries.Action('001', 'create zone')
    UPDATE = entries.Action('002', 'update zone')
    DELETE = entries.Action('003', 'delete zone')


class Details:
    UNKNOWN_ERROR = entries.Detail.temporary(
        '001',
        'The operation failed, and the cause is not known.')
    NAME_SERVERS_NOT_UPDATED = entries.Detail.temporary(
        '002',
        'The change of the zone was not applied on the name servers.',
        exceptions=('Backend',))
    TRANSFER_FAILED = entries.Detail.fixable(
        '003',
        'The zone could not be transferred from its primary name servers.',
        'Check the addresses of the primary name servers, and that they '
        'allow transfers of the zone, then try again.',
        retryable=True,
        exceptions=('XFRFailure',))
    OVER_QUOTA = entries.Detail.fixable(
        '004',
        'The operation would exceed a quota of your project.',
        'Delete zones or record sets that you no longer need or ask your '
        'operator for a larger quota, then try again.',
        exceptions=('OverQuota',))


NAMESPACE = entries.Namespace(
    'DNS',
    resource_types=(resource_types.ZONE,),
    actions=Actions, details=Details)
