# SPDX-License-Identifier: Apache-2.0
"""What notifications are of."""

MESSAGE_CREATE = 'message.create'
MESSAGE_DELETE = 'message.delete'
MESSAGE_EXPIRE = 'message.expire'
