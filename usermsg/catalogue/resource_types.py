# SPDX-License-Identifier: Apache-2.0
"""Resource types of the built-in catalogues.

Each belongs to exactly one prefix, so that an action together with a
resource type is never ambiguous.
"""

# VOLUME
VOLUME = 'VOLUME'
VOLUME_SNAPSHOT = 'VOLUME_SNAPSHOT'
VOLUME_BACKUP = 'VOLUME_BACKUP'

# IMAGE
IMAGE = 'IMAGE'

# SHARE
SHARE = 'SHARE'
SHARE_GROUP = 'SHARE_GROUP'
SHARE_REPLICA = 'SHARE_REPLICA'
SHARE_SNAPSHOT = 'SHARE_SNAPSHOT'
SECURITY_SERVICE = 'SECURITY_SERVICE'
SHARE_NETWORK_SUBNET = 'SHARE_NETWORK_SUBNET'

# COMPUTE
INSTANCE = 'INSTANCE'
