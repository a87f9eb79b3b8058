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
"""Tests without a server: what stands below HTTP."""

import hypothesis

# The time an example takes says nothing on a busy machine, and neither chance
# nor what failed before must decide what is tried today.
hypothesis.settings.register_profile(
    'usermsg', deadline=None, database=None, derandomize=True,
    max_examples=40, suppress_health_check=list(hypothesis.HealthCheck))
hypothesis.settings.load_profile('usermsg')
