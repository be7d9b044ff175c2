"""The ASGI application of the site, served by Daphne."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taskhub.site.settings")
application = get_asgi_application()
