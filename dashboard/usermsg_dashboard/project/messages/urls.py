# SPDX-License-Identifier: Apache-2.0
"""URLs of Project > Messages."""

from django.urls import path

from usermsg_dashboard.project.messages import views

urlpatterns = [
    path('', views.MessageListView.as_view(), name='index'),
]
