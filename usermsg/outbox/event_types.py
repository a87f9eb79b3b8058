# SPDX-License-Identifier: Apache-2.0
"""Event types of the notifications about messages."""

MESSAGE_CREATE = 'message.create'
MESSAGE_DELETE = 'message.delete'
MESSAGE_EXPIRE = 'message.expire'
