"""The site, and beside it an address that tells how many statements this process has sent to the database."""

import itertools
import os

from django.core.asgi import get_asgi_application
from django.db.backends.signals import connection_created

from dashboard.live.asgi import with_live

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
_site = with_live(get_asgi_application())
_numbers = itertools.count()
_sent = [0]


def _count(execute, sql, params, many, context):
    _sent[0] = next(_numbers) + 1
    return execute(sql, params, many, context)


def _watch(connection, **kwargs):
    if _count not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count)


connection_created.connect(_watch)


async def application(scope, receive, send):
    if scope["type"] != "http" or scope["path"] != "/statements":
        await _site(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(_sent[0]).encode()})
