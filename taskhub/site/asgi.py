"""The ASGI application of the site, served by Daphne."""

import os

from django.core.asgi import get_asgi_application

from dashboard.live.asgi import with_live

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taskhub.site.settings")
application = with_live(get_asgi_application())
