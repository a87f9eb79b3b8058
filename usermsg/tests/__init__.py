# SPDX-License-Identifier: Apache-2.0
from usermsg import backend

backend.use_threads()
