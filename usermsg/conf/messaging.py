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
"""``[oslo_messaging_notifications]``, options of oslo.messaging.

A module of its own, as that library chooses the backend of oslo.service for
the whole process when it is imported.
"""

from oslo_messaging import opts

GROUP = 'oslo_messaging_notifications'


def register_opts(conf):
    for group, options in opts.list_opts():
        if group == GROUP:
            conf.register_opts(options, group=group)
