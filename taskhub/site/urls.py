"""URLs of the site: the demo at /, the dashboard at /taskhub/, the admin at /admin/."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("taskhub/", include("dashboard.urls")),
    path("", include("taskhub.demo.urls")),
]
