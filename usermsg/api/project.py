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
"""The project that may stand in a path.

In many clouds it is a part of the endpoint, so it says nothing if it is the
token's own. Another one is not there, but for those who may read it.
"""

from usermsg.api import errors
from usermsg import validation


def stay(request, context):
    """:raises usermsg.api.errors.NotFound: the path names another project"""
    if request.path_value('project_id') not in (None, context.project_id):
        raise errors.NotFound()


def may_leave(request, context, rule):
    """Whether what belongs to other projects may be shown.

    :raises usermsg.api.errors.NotFound: the path names another project, and
        it may not
    :raises usermsg.exception.InvalidInput: ... which can't be one
    """
    allowed = context.can(rule)
    if not allowed:
        stay(request, context)
    validation.optional_identifier(
        'project_id', request.path_value('project_id'), validation.PROJECT_ID)
    return allowed
