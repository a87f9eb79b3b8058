# SPDX-License-Identifier: Apache-2.0
"""Look-up of projects and users by name, as far as Keystone permits it."""

import re

from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions

# Ids that Keystone generates, and those of users of other identity
# providers.
_ID = re.compile('[0-9a-f]{32}|[0-9a-f]{64}|'
                 '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')


def project_id(manager, name_or_id, domain=None):
    """Return the id of a project.

    :param manager: OpenStackClient's ClientManager
    :param domain: name or id of the project's domain
    :raises osc_lib.exceptions.CommandError: no or several projects match, or
        names can't be looked up
    """
    return _find(manager, 'project', name_or_id, domain)


def user_id(manager, name_or_id, domain=None):
    """Return the id of a user. See :func:`project_id`."""
    return _find(manager, 'user', name_or_id, domain)


def _find(manager, kind, name_or_id, domain):
    if manager.auth_ref is None:
        # The command was given the endpoint of the service instead of
        # Keystone.
        if _ID.fullmatch(name_or_id):
            return name_or_id
        raise exceptions.CommandError(
            f'Names cannot be looked up without Keystone; give the ID of the '
            f'{kind} {name_or_id}.')
    try:
        scope = {}
        if domain is not None:
            scope['domain_id'] = _look_up(manager, 'domain', domain)
        return _look_up(manager, kind, name_or_id, **scope)
    except sdk_exceptions.ForbiddenException:
        # Most users and services may not look up projects or users.
        id_by_name = _ids_of_token(manager, kind, domain)
        if name_or_id in id_by_name:
            return id_by_name[name_or_id]
        if _ID.fullmatch(name_or_id):
            return name_or_id
        raise exceptions.CommandError(
            f'You may not look up the {kind} {name_or_id} by its name; give '
            'its ID.') from None


def _look_up(manager, kind, name_or_id, **scope):
    identity = manager.sdk_connection.identity
    try:
        resource = getattr(identity, f'find_{kind}')(
            name_or_id, ignore_missing=True, **scope)
    except sdk_exceptions.DuplicateResource:
        raise exceptions.CommandError(
            f'There is more than one {kind} {name_or_id}; give its ID, or '
            f'its domain with --{kind}-domain.') from None
    if resource is not None:
        return resource.id
    if _ID.fullmatch(name_or_id):
        # The messages of a project outlive it.
        return name_or_id
    raise exceptions.CommandError(
        f'No {kind} with a name or ID of {name_or_id} exists.')


def _ids_of_token(manager, kind, domain):
    """Map name and id of the token's project or user to the id."""
    token = manager.auth_ref
    if domain not in (None, getattr(token, f'{kind}_domain_id', None),
                      getattr(token, f'{kind}_domain_name', None)):
        return {}
    token_id = getattr(token, f'{kind}_id')
    name = {'project': 'project_name', 'user': 'username'}[kind]
    return {token_id: token_id, getattr(token, name): token_id}
