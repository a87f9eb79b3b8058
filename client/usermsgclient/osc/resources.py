# SPDX-License-Identifier: Apache-2.0
"""Look-up of resources by name in their services."""

import re

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions

#: Name of the option -> service in openstacksdk, and its method.
KINDS = {
    'server': ('compute', 'find_server'),
    'volume': ('block_storage', 'find_volume'),
    'image': ('image', 'find_image'),
    'share': ('shared_file_system', 'find_share'),
    'stack': ('orchestration', 'find_stack'),
}

_UUID = re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', re.I)


def is_uuid(name_or_id):
    return _UUID.fullmatch(name_or_id) is not None


def find(connection, kind, name_or_id):
    """Return the id of a resource.

    An id of a resource that doesn't exist is returned, too: messages outlive
    their resources.

    :param connection: an :class:`openstack.connection.Connection`
    :param kind: a key of :data:`KINDS`
    :raises osc_lib.exceptions.CommandError: no or several resources match,
        or the cloud has no such service
    """
    service, method = KINDS[kind]
    try:
        resource = getattr(getattr(connection, service), method)(
            name_or_id, ignore_missing=True)
    except sdk_exceptions.DuplicateResource:
        raise exceptions.CommandError(
            f'There is more than one {kind} {name_or_id}; give its ID.'
        ) from None
    except (ksa_exceptions.EndpointNotFound, sdk_exceptions.NotSupported,
            sdk_exceptions.ServiceDisabledException,
            sdk_exceptions.ServiceDiscoveryException):
        if is_uuid(name_or_id):
            return name_or_id
        raise exceptions.CommandError(
            f'This cloud has no service with the {kind} {name_or_id}; give '
            f'the ID of the resource.') from None
    if resource is not None:
        return resource.id
    if is_uuid(name_or_id):
        return name_or_id
    raise exceptions.CommandError(
        f'No {kind} with a name or ID of {name_or_id} exists. If it was '
        f'deleted, give its ID.')
