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
"""Which concurrency oslo.service uses in our processes."""

import warnings


def use_threads():
    """To be called first in every process of ours.

    Otherwise the first import of oslo.messaging, which versioned objects
    bring along, chooses eventlet for the whole process.
    """
    # oslo.service requires eventlet and futurist imports it to look whether
    # it is in use, which alone makes it warn on standard error.
    warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
    from oslo_service import backend
    backend.init_backend(backend.BackendType.THREADING)
