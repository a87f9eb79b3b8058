# SPDX-License-Identifier: Apache-2.0
from usermsg.concurrency import backend

backend.use_threads()
