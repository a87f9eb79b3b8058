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
"""``[messages]``: how messages are kept and recorded."""

from oslo_config import cfg

GROUP = cfg.OptGroup('messages', title='How messages are kept and recorded')

OPTS = [
    cfg.IntOpt(
        'ttl', default=30 * 24 * 3600, min=60, max=10 * 366 * 24 * 3600,
        help='For how many seconds a message is kept, unless its project '
             'comes to have more than max_per_project.'),
    *(cfg.IntOpt(
        f'ttl_{level}', min=60, max=10 * 366 * 24 * 3600,
        help=f'The same for messages of level {level.upper()}; ttl if it is '
             f'not set. It counts for what is recorded from then on.')
      for level in ('info', 'warn', 'error')),
    cfg.IntOpt(
        'max_per_project', default=0, min=0, max=1_000_000,
        help='How many messages of a project are kept at most: the reaper '
             'removes the oldest beyond it. Until it does there can be '
             'more. 0 is no limit. With a limit the reaper counts all '
             'messages in an index, once an interval.'),
    cfg.FloatOpt(
        'record_timeout', default=5.0, min=0.1, max=300,
        help='How many seconds a service that records a message through the '
             'library waits for the database at most. After that the failure '
             'is logged and counted and the service goes on.'),
]
