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
"""What may go wrong with a notification on its way out.

Drivers raise these and nothing else. Their words say which driver, which host
and why; never what the notification holds, and no password.
"""


class NotDelivered(Exception):
    """Nobody has confirmed it. Sending it again later may help.

    It may have arrived all the same: its ``message_id`` tells.
    """


class Refused(NotDelivered):
    """It was refused for what it is: sending it again would not help."""
