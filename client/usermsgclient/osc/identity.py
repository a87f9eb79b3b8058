# SPDX-License-Identifier: Apache-2.0
"""Projects and users by name, as far as one may look them up."""

import re

from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions

# Of Keystone's own, and of users that it has from elsewhere.
_ID = re.compile('[0-9a-f]{32}|[0-9a-f]{64}|'
                 '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')


def project_id(manager, name_or_id, domain=None):
    """The id of a project.

    :param manager: OpenStackClient's ClientManager
    :param domain: name or id of its domain
    :raises osc_lib.exceptions.CommandError: there is none, or several, or
        names can't be looked up
    """
    return _find(manager, 'project', name_or_id, domain)


def user_id(manager, name_or_id, domain=None):
    """The id of a user. See :func:`project_id`."""
    return _find(manager, 'user', name_or_id, domain)


def _find(manager, kind, name_or_id, domain):
    if manager.auth_ref is None:
        # The service itself stands where Keystone would be asked for.
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
        # Most people and services may not look up anybody.
        own = _own(manager, kind, domain)
        if name_or_id in own:
            return own[name_or_id]
        if _ID.fullmatch(name_or_id):
            return name_or_id
        raise exceptions.CommandError(
            f'You may not look up the {kind} {name_or_id} by its name; give '
            'its ID.') from None


def _look_up(manager, kind, name_or_id, **scope):
    identity = manager.sdk_connection.identity
    try:
        found = getattr(identity, f'find_{kind}')(
            name_or_id, ignore_missing=True, **scope)
    except sdk_exceptions.DuplicateResource:
        raise exceptions.CommandError(
            f'There is more than one {kind} {name_or_id}; give its ID, or '
            f'its domain with --{kind}-domain.') from None
    if found is not None:
        return found.id
    if _ID.fullmatch(name_or_id):
        # What is left of a project outlives it.
        return name_or_id
    raise exceptions.CommandError(
        f'No {kind} with a name or ID of {name_or_id} exists.')


def _own(manager, kind, domain):
    """Name and id of one's own -> its id."""
    reference = manager.auth_ref
    if domain not in (None, getattr(reference, f'{kind}_domain_id', None),
                      getattr(reference, f'{kind}_domain_name', None)):
        return {}
    ident = getattr(reference, f'{kind}_id')
    name = {'project': 'project_name', 'user': 'username'}[kind]
    return {ident: ident, getattr(reference, name): ident}
