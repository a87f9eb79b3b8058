# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""The kinds of resource that the built-in catalogues speak of.

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
