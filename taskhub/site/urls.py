"""URLs of the site: the demo at /, the dashboard at /taskhub/, the admin at /admin/."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=static("dashboard/icon.svg"))),
    path("admin/", admin.site.urls),
    path("taskhub/", include("dashboard.urls")),
    path("", include("taskhub.demo.urls")),
]
