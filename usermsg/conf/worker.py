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
"""What ``usermsg-worker`` takes in ``[DEFAULT]``, as other services do.

An option of oslo.service, without those of it that nothing here reads.
"""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        'graceful_shutdown_timeout', default=60, min=0,
        help='How many seconds usermsg-worker has to end what is under way '
             'when it is told to end; 0 sets no limit.'),
]
