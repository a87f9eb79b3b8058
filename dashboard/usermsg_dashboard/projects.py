# SPDX-License-Identifier: Apache-2.0
"""Names of projects, for administrators.

Horizon's own pages list all projects of the cloud for that, of which there may
be any number. Here the projects of one page are looked up and cached.
"""

import urllib.parse

from django.core.cache import cache
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions

from usermsg_dashboard import cache_keys
from usermsg_dashboard import connection

#: Seconds for the look-up of a name, or of all those of a page. A list with a
#: filter by name has both, besides its request for messages.
_TIMEOUT = 1.5
_MAX_AGE = 600


class AmbiguousName(Exception):
    """Several domains have a project with the name."""


def find_names(request, project_ids):
    """Return a dict of id -> name, without the projects that aren't found."""
    keys = {cache_keys.build('project', project_id): project_id
            for project_id in project_ids}
    cached = cache.get_many(keys)
    added = {}
    try:
        identity = _connect(request)
        for key, project_id in keys.items():
            if key not in cached:
                added[key] = _find_name(identity, project_id)
    except (exceptions.ClientException, KeyError, TypeError, ValueError,
            horizon_exceptions.ServiceCatalogException):
        # The others are shown with their ids.
        pass
    if added:
        cache.set_many(added, _MAX_AGE)
    return {keys[key]: name for key, name in {**cached, **added}.items()
            if name}


def find_id(request, name_or_id):
    """Return the id of a project.

    What isn't a name is an id: messages outlive their project for a while.

    :raises AmbiguousName: several domains have a project with the name
    """
    try:
        response = _connect(request).send(
            'GET', '/projects', params={'name': name_or_id})
        ids = [project['id'] for project in response.json()['projects']]
    except (exceptions.ClientException, KeyError, TypeError, ValueError,
            horizon_exceptions.ServiceCatalogException):
        ids = []
    if len(ids) > 1:
        raise AmbiguousName()
    return ids[0] if ids else name_or_id


def _connect(request):
    return connection.Connection(request, ['identity'], _TIMEOUT, 'v3')


def _find_name(identity, project_id):
    """Return the name of a project, empty if it doesn't exist."""
    project_id = urllib.parse.quote(project_id, safe='')
    try:
        response = identity.send('GET', f'/projects/{project_id}')
    except exceptions.NotFound:
        return ''
    return response.json()['project']['name']
