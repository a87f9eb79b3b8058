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
"""The API for a WSGI server: ``application``.

Importing this module starts a process, so unlike any other module it reads
the configuration (see :data:`usermsg.service.CONFIG_FILES_VARIABLE`) and
ends the process if that can't be used.
"""

import sys

from usermsg import backend

backend.use_threads()

from usermsg.api import app  # noqa: E402
from usermsg import exception  # noqa: E402
from usermsg import memory  # noqa: E402
from usermsg import service  # noqa: E402


def _application():
    try:
        runtime = service.prepare(several=True)
        app.refuse_noauth(runtime.conf)
        made = app.make_app(runtime)
    except exception.ConfigurationError as error:
        sys.exit(f'usermsg cannot start: {error}')
    memory.settle()
    return made


application = _application()
