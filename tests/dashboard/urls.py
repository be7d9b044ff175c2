"""A site with the dashboard under a prefix of its own, and a login."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("ops/tasks-of-ours/", include("dashboard.urls")),
]
