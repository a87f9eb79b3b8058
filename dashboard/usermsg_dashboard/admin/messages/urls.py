# SPDX-License-Identifier: Apache-2.0
"""URLs of Admin > Messages."""

from django.urls import path

from usermsg_dashboard import message_deletion
from usermsg_dashboard import message_detail
from usermsg_dashboard import message_list

urlpatterns = [
    path('', message_list.MessageListView.as_view(dashboard='admin'),
         name='index'),
    path('delete/',
         message_deletion.MessageDeletionView.as_view(dashboard='admin'),
         name='delete'),
    path('<str:message_id>/',
         message_detail.MessageDetailView.as_view(dashboard='admin'),
         name='detail'),
    path('<str:message_id>/resource/',
         message_detail.ResourceView.as_view(dashboard='admin'),
         name='resource'),
]
