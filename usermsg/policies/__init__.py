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
"""The rules of who may do what, with their defaults."""

from usermsg.policies import defined_messages
from usermsg.policies import health
from usermsg.policies import messages


def list_rules():
    """New rules, in the order in which the samples show them.

    Made when asked for and not on import: a rule parses its check string, for
    which oslo.policy looks for plug-ins, and that may write a cache below the
    home directory of whoever imports us.
    """
    return [*defined_messages.list_rules(), *messages.list_rules(),
            *health.list_rules()]
