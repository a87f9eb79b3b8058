# SPDX-License-Identifier: Apache-2.0
"""URLs of Admin > Messages."""

from django.urls import path

from usermsg_dashboard.admin.messages import views

urlpatterns = [
    path('', views.MessageListView.as_view(), name='index'),
]
