# SPDX-License-Identifier: Apache-2.0
"""Pages of the resources that messages are about.

Messages outlive their resources, and a page of Horizon about a deleted
resource is an error. To look up each resource of a list would take a request
each, to services that may hang. So a link leads to a view of the plug-in,
which looks up the one resource when the user follows it.

There is no link if it is clear without a request that the page can't be
opened: Horizon would then offer a login, which doesn't help.
"""

import dataclasses
import urllib.parse

from django import urls
import horizon
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions

from usermsg_dashboard import connection

#: Seconds for the look-up.
_TIMEOUT = 2.5

_BLOCK_STORAGE = ('volumev3', 'block-storage')
_SHARED_FILE_SYSTEM = ('sharev2', 'shared-file-system')


@dataclasses.dataclass(frozen=True)
class _Kind:
    """Type of resources.

    ``page`` is the name of its page's URL in the dashboard Project, and
    ``admin_page`` that in the dashboard Admin. They begin with the slug of the
    panel.
    """

    service_types: tuple
    path: str
    page: str
    admin_page: str | None = None
    version: str = ''
    headers: dict = dataclasses.field(default_factory=dict)

    def get_page(self, dashboard):
        return self.page if dashboard == 'project' else self.admin_page


_KINDS = {
    'INSTANCE': _Kind(('compute',), '/servers', 'instances:detail',
                      'instances:detail'),
    'VOLUME': _Kind(_BLOCK_STORAGE, '/volumes', 'volumes:detail',
                    'volumes:detail'),
    'VOLUME_SNAPSHOT': _Kind(_BLOCK_STORAGE, '/snapshots', 'snapshots:detail',
                             'snapshots:detail'),
    'VOLUME_BACKUP': _Kind(_BLOCK_STORAGE, '/backups', 'backups:detail',
                           'backups:detail'),
    'IMAGE': _Kind(('image',), '/images', 'images:images:detail',
                   'images:detail', version='v2'),
    'PORT': _Kind(('network',), '/ports', 'networks:ports:detail',
                  'networks:ports:detail', version='v2.0'),
    'SHARE': _Kind(_SHARED_FILE_SYSTEM, '/shares', 'shares:detail',
                   'shares:detail'),
    'SHARE_SNAPSHOT': _Kind(_SHARED_FILE_SYSTEM, '/snapshots',
                            'share_snapshots:share_snapshot_detail',
                            'share_snapshots:share_snapshot_detail'),
    'SHARE_GROUP': _Kind(_SHARED_FILE_SYSTEM, '/share-groups',
                         'share_groups:detail', 'share_groups:detail',
                         headers={'X-OpenStack-Manila-API-Version': '2.55'}),
    'SHARE_REPLICA': _Kind(_SHARED_FILE_SYSTEM, '/share-replicas',
                           'shares:replica_detail', 'shares:replica_detail',
                           headers={'X-OpenStack-Manila-API-Version': '2.56'}),
    'SECURITY_SERVICE': _Kind(_SHARED_FILE_SYSTEM, '/security-services',
                              'security_services:security_service_detail',
                              'security_services:security_service_detail'),
    'STACK': _Kind(('orchestration',), '/stacks', 'stacks:detail'),
}


def find_page(message, dashboard):
    """Return the URL of the page about a message's resource.

    :param dashboard: ``project`` or ``admin``
    :returns: None without a resource, or if this Horizon has no such page
    """
    kind = _KINDS.get(message.resource_type)
    if not (kind and message.resource_id):
        return None
    page = kind.get_page(dashboard)
    try:
        return page and urls.reverse(f'horizon:{dashboard}:{page}',
                                     args=[message.resource_id])
    except urls.NoReverseMatch:
        return None


def can_open_pages(request, resource_type, dashboard):
    """Return True if the user can open pages of resources of a type.

    The region has the service, and Horizon permits the panel to the user.

    :param resource_type: a type for which :func:`find_page` returns a URL
    """
    kind = _KINDS[resource_type]
    try:
        connection.find_endpoint(request, kind.service_types)
    except horizon_exceptions.ServiceCatalogException:
        return False
    slug = kind.get_page(dashboard).partition(':')[0]
    panel = horizon.get_dashboard(dashboard).get_panel(slug)
    return (request.user.has_perms(getattr(panel, 'permissions', ())) and
            panel.can_access({'request': request}))


def is_missing(request, message):
    """Return True if the service doesn't show the resource to the user.

    It was deleted, or a volume was transferred, or an image is no longer
    shared. Without a response this is unknown, and the result False.
    """
    kind = _KINDS[message.resource_type]
    resource_id = urllib.parse.quote(message.resource_id, safe='')
    try:
        response = connection.Connection(
            request, kind.service_types, _TIMEOUT, kind.version,
            kind.headers).send(
                'GET', f'{kind.path}/{resource_id}', redirect=1)
        # Orchestration shows deleted stacks.
        return (message.resource_type == 'STACK' and
                response.json()['stack']['stack_status'] == 'DELETE_COMPLETE')
    except exceptions.NotFound:
        return True
    except (exceptions.ClientException, KeyError, TypeError, ValueError):
        return False
