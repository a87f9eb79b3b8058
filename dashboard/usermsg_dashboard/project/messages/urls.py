# SPDX-License-Identifier: Apache-2.0
"""URLs of Project > Messages."""

from django.urls import path
from django.views.decorators.cache import never_cache

from usermsg_dashboard.badge import views as badge_views
from usermsg_dashboard import message_deletion
from usermsg_dashboard import message_detail
from usermsg_dashboard import message_list
from usermsg_dashboard import read_mark
from usermsg_dashboard import resource_messages

urlpatterns = [
    path('', message_list.MessageListView.as_view(), name='index'),
    path('delete/', message_deletion.MessageDeletionView.as_view(),
         name='delete'),
    path('read-mark/', read_mark.ReadMarkView.as_view(), name='read_mark'),
    path('resource-messages/',
         never_cache(resource_messages.ResourceMessagesView.as_view()),
         name='resource_messages'),
    path('unread-errors/',
         never_cache(badge_views.UnreadErrorsView.as_view()),
         name='unread_errors'),
    path('<str:message_id>/', message_detail.MessageDetailView.as_view(),
         name='detail'),
    path('<str:message_id>/resource/', message_detail.ResourceView.as_view(),
         name='resource'),
]
