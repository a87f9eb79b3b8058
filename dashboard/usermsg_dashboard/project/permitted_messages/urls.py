# SPDX-License-Identifier: Apache-2.0
"""URLs of Project > Permitted Messages."""

from django.urls import path

from usermsg_dashboard.project.permitted_messages import views

urlpatterns = [
    path('', views.PermittedMessagesView.as_view(), name='index'),
]
