# SPDX-License-Identifier: Apache-2.0
"""Names of levels and types of resources for users."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# Texts have a context where Horizon or another plug-in translates the same
# text in another way, because all their catalogues are merged. In German
# messages have the words "Volume" and "Image", which Horizon translates.

LEVELS = {
    'ERROR': _('Error'),
    'WARN': _('Warning'),
    'INFO': _('Information'),
}

RESOURCE_TYPES = {
    'CLUSTER': _('Cluster'),
    'DATABASE_BACKUP': _('Database backup'),
    'DATABASE_CLUSTER': _('Database cluster'),
    'DATABASE_CONFIGURATION': _('Database configuration'),
    'DATABASE_INSTANCE': _('Database instance'),
    'IMAGE': pgettext_lazy('message', 'Image'),
    'INSTANCE': _('Instance'),
    'NODE': _('Bare metal node'),
    'PORT': _('Port'),
    'SECURITY_SERVICE': _('Security service'),
    'SHARE': pgettext_lazy('message', 'Share'),
    'SHARE_GROUP': _('Share group'),
    'SHARE_NETWORK_SUBNET': _('Share network subnet'),
    'SHARE_REPLICA': _('Share replica'),
    'SHARE_SNAPSHOT': _('Share snapshot'),
    'STACK': _('Stack'),
    'VOLUME': pgettext_lazy('message', 'Volume'),
    'VOLUME_BACKUP': _('Volume backup'),
    'VOLUME_SNAPSHOT': _('Volume snapshot'),
    'ZONE': _('DNS zone'),
}

#: Namespace prefix of the catalogue -> service.
PREFIXES = {
    'BAREMETAL': _('Bare metal'),
    'COMPUTE': _('Compute'),
    'CONTAINER_INFRA': _('Container infrastructure'),
    'DATABASE': _('Databases'),
    'DNS': _('DNS'),
    'IMAGE': pgettext_lazy('message', 'Images'),
    'NETWORK': _('Networks'),
    'ORCHESTRATION': _('Orchestration'),
    'SHARE': _('Shared file systems'),
    'VOLUME': _('Block storage'),
}


def resource_type(name):
    """Return the name of a type; operators may define types of their own."""
    return RESOURCE_TYPES.get(name, name)
