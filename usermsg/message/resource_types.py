# SPDX-License-Identifier: Apache-2.0
"""Resource types, in the module from which services import them.

:mod:`usermsg.catalogue.resource_types` lists them by prefix.
"""

from usermsg.catalogue import resource_types

VOLUME = resource_types.VOLUME
VOLUME_SNAPSHOT = resource_types.VOLUME_SNAPSHOT
VOLUME_BACKUP = resource_types.VOLUME_BACKUP
IMAGE = resource_types.IMAGE
SHARE = resource_types.SHARE
SHARE_GROUP = resource_types.SHARE_GROUP
SHARE_REPLICA = resource_types.SHARE_REPLICA
SHARE_SNAPSHOT = resource_types.SHARE_SNAPSHOT
SECURITY_SERVICE = resource_types.SECURITY_SERVICE
SHARE_NETWORK_SUBNET = resource_types.SHARE_NETWORK_SUBNET
INSTANCE = resource_types.INSTANCE
STACK = resource_types.STACK
CLUSTER = resource_types.CLUSTER
DATABASE_INSTANCE = resource_types.DATABASE_INSTANCE
DATABASE_CLUSTER = resource_types.DATABASE_CLUSTER
DATABASE_BACKUP = resource_types.DATABASE_BACKUP
DATABASE_CONFIGURATION = resource_types.DATABASE_CONFIGURATION
NODE = resource_types.NODE
PORT = resource_types.PORT
ZONE = resource_types.ZONE
