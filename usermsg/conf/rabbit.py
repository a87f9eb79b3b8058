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
"""``[oslo_messaging_rabbit_notify]``: the notification driver "rabbit"."""

from oslo_config import cfg

GROUP = cfg.OptGroup('oslo_messaging_rabbit_notify',
                     title='The notification driver "rabbit"')

OPTS = [
    cfg.FloatOpt(
        'timeout', default=10.0, min=0.1, max=3600.0,
        help='How many seconds a notification has until RabbitMQ has '
             'confirmed it. After that it counts as not delivered. '
             'Connecting is part of it, to all hosts of transport_url '
             'together. Where usermsg-worker sends them, a third of [relay] '
             'lease at most.'),
    cfg.IntOpt(
        'window', default=500, min=1, max=65535,
        help='How many notifications may be on their way, sent and not yet '
             'confirmed.'),
]
