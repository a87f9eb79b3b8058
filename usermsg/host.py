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
"""The name of this host, as it can be stored and sent."""

import re
import socket

#: Characters, at most. Linux itself allows 64 bytes.
LONGEST = 200


def name():
    """Printable ASCII without blanks, whatever the host is called."""
    return re.sub('[^!-~]', '?', socket.gethostname())[:LONGEST] or 'unnamed'
