# SPDX-License-Identifier: Apache-2.0
"""URLs of Admin > Messages."""

from django.urls import path
from django.views.decorators.cache import never_cache

from usermsg_dashboard import message_deletion
from usermsg_dashboard import message_detail
from usermsg_dashboard import message_list
from usermsg_dashboard import resource_messages

urlpatterns = [
    path('', message_list.MessageListView.as_view(dashboard='admin'),
         name='index'),
    path('delete/',
         message_deletion.MessageDeletionView.as_view(dashboard='admin'),
         name='delete'),
    path('resource-messages/',
         never_cache(resource_messages.ResourceMessagesView.as_view(
             dashboard='admin')),
         name='resource_messages'),
    path('<str:message_id>/',
         message_detail.MessageDetailView.as_view(dashboard='admin'),
         name='detail'),
    path('<str:message_id>/resource/',
         message_detail.ResourceView.as_view(dashboard='admin'),
         name='resource'),
]
