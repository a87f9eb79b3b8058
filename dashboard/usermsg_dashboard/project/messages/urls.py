# SPDX-License-Identifier: Apache-2.0
"""URLs of Project > Messages."""

from django.urls import path

from usermsg_dashboard import message_deletion
from usermsg_dashboard import message_detail
from usermsg_dashboard import message_list
from usermsg_dashboard import read_mark

urlpatterns = [
    path('', message_list.MessageListView.as_view(), name='index'),
    path('delete/', message_deletion.MessageDeletionView.as_view(),
         name='delete'),
    path('read-mark/', read_mark.ReadMarkView.as_view(), name='read_mark'),
    path('<str:message_id>/', message_detail.MessageDetailView.as_view(),
         name='detail'),
    path('<str:message_id>/resource/', message_detail.ResourceView.as_view(),
         name='resource'),
]
