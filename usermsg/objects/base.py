# SPDX-License-Identifier: Apache-2.0
"""Base class of versioned objects."""

from oslo_versionedobjects import base


class UsermsgObject(base.VersionedObject):
    OBJ_PROJECT_NAMESPACE = 'usermsg'
    OBJ_SERIAL_NAMESPACE = 'usermsg_object'
