"""A stranger's site: the wheel, installed beside Django and nothing of this checkout, embedded and beside."""

import http.cookiejar
import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.parse
import urllib.request
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import django
import pytest

from tests.processes import Launched
from tests.services.base import free_port, try_connecting
from tests.settings import ROOT

# The stranger has a database of his own; once is enough.
pytestmark = pytest.mark.only_on("sqlite")

SETTINGS = f"""

DATABASES["default"]["OPTIONS"] = {{
    "transaction_mode": "IMMEDIATE", "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}}
{'INSTALLED_APPS += ["django_tasks"]' if django.VERSION < (6,) else ""}
TASKS = {{"default": {{"BACKEND": "taskhub.backend.TaskHubBackend", "QUEUES": []}}}}
LOGIN_URL = "admin:login"
"""
EMBEDDED = (
    SETTINGS
    + """
INSTALLED_APPS += ["taskhub", "workers", "dashboard"]
INSTALLED_APPS += ["shop"]
"""
)
BESIDE = (
    SETTINGS
    + """
INSTALLED_APPS += ["taskhub", "dashboard"]
DATABASES["queue"] = {**DATABASES["default"], "NAME": BASE_DIR.parent / "host" / "db.sqlite3"}
DATABASE_ROUTERS = ["mysite.router.QueueRouter"]
"""
)
ROUTER = """
class QueueRouter:
    def db_for_read(self, model, **hints):
        return "queue" if model._meta.app_label == "taskhub" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return db == "default" and app_label != "taskhub"
"""
TASKS = '''
from taskhub import task


@task(queue_name="orders", tags=["shop"], takes_context=True)
def price_order(context, order: int, items: list[int]) -> dict[str, int]:
    """Add up an order."""
    context.update_progress(1, "all priced")
    return {"order": order, "total": sum(items)}


@task(max_retries=0)
def fail() -> None:
    raise ValueError("out of stock")
'''
VIEWS = """
import json

import taskhub
from django.db import transaction
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt

from shop import tasks


@csrf_exempt
@transaction.atomic
def order(request, number):
    result = tasks.price_order.enqueue(number, items=json.loads(request.body))
    return JsonResponse({"id": result.id, "state": result.state}, status=202)


def outcome(request, result_id):
    result = taskhub.get_result(result_id)
    return JsonResponse({"state": result.state, "value": result.get(timeout=0)})
"""
URLS = """
from django.contrib import admin
from django.urls import include, path
from shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders/<int:number>/", views.order),
    path("results/<str:result_id>/", views.outcome),
    path("operations/", include("dashboard.urls")),
]
"""
URLS_BESIDE = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("dashboard.urls"))]
"""


class Stranger:
    """A machine that has Django and the wheel: the packages of this interpreter, without the checkout."""

    def __init__(self, directory: Path, wheel: Path) -> None:
        self.directory = directory
        venv.create(directory / "venv", with_pip=False)
        self.python = directory / "venv" / "bin" / "python"
        # Through a .pth file the packages are found and their own .pth files are not read: an editable
        # install of this checkout among them stays unseen.
        (site,) = (directory / "venv" / "lib").glob("python*/site-packages")
        packages = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
        (site / "packages.pth").write_text("\n".join(packages))
        pip(
            "--python",
            str(self.python),
            "install",
            "--no-deps",
            "--no-index",
            "--quiet",
            str(wheel),
        )
        self.installed = site

    def run(self, *command: str, cwd: Path, **env: str) -> str:
        done = subprocess.run(
            [self.python, *command],
            cwd=cwd,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def environment(self, **more: str) -> dict[str, str]:
        ours = ("TASKHUB_", "DJANGO_", "PYTHON")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        return {**kept, "PYTHONUNBUFFERED": "1", **more}

    def start_project(self, name: str, settings: str, urls: str, files: dict[str, str]) -> Path:
        project = self.directory / name
        project.mkdir()
        self.run("-m", "django", "startproject", "mysite", str(project), cwd=self.directory)
        with (project / "mysite" / "settings.py").open("a") as file:
            file.write(settings)
        (project / "mysite" / "urls.py").write_text(urls)
        for path, text in files.items():
            (project / path).parent.mkdir(exist_ok=True)
            (project / path).write_text(text)
        return project

    def serve(self, project: Path, log: Path) -> tuple[Launched, str]:
        """Start `manage.py runserver` and wait for it; returns its address too."""
        port = free_port()
        command = [
            str(self.python),
            str(project / "manage.py"),
            "runserver",
            "--noreload",
            str(port),
        ]
        server = Launched.start(command, log, self.environment())
        server.wait_until(lambda: try_connecting(port), "accepts connections", timeout=60)
        return server, f"http://127.0.0.1:{port}"


def pip(*arguments: str) -> None:
    """Run this interpreter's pip, which must not go anywhere: what it needs is here."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"


class Browser:
    """What a person with a browser does: keeps cookies, signs in, reads pages."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> str:
        with self._opener.open(self.address + path, timeout=30) as response:
            return response.read().decode()

    def post(self, path: str, data: bytes) -> str:
        request = urllib.request.Request(self.address + path, data)
        request.add_header("Referer", self.address + path)
        with self._opener.open(request, timeout=30) as response:
            return response.read().decode()

    def sign_in(self, name: str, password: str) -> None:
        form = self.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert token is not None
        fields = {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
        self.post("/admin/login/?next=/admin/", urllib.parse.urlencode(fields).encode())
        assert any(cookie.name == "sessionid" for cookie in self.cookies)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`python -m pip wheel .`, with the build backend that is installed here, else with one from the index."""
    directory = tmp_path_factory.mktemp("wheel")
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []
    pip("wheel", ".", "--no-deps", "--quiet", *isolation, "--wheel-dir", str(directory))
    (built,) = directory.glob("taskhub-*.whl")
    return built


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Stranger:
    return Stranger(tmp_path_factory.mktemp("stranger"), wheel)


@pytest.fixture
def serve(stranger: Stranger, tmp_path: Path):
    """Start sites of the stranger's; they are gone when the test ends."""
    servers: list[Launched] = []

    def start(project: Path) -> Browser:
        server, address = stranger.serve(project, tmp_path / f"server-{len(servers)}.log")
        servers.append(server)
        return Browser(address)

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def host(stranger: Stranger) -> Path:
    """An empty Django project with the three apps, a task and a view; migrated, with an administrator."""
    files = {"shop/__init__.py": "", "shop/tasks.py": TASKS, "shop/views.py": VIEWS}
    project = stranger.start_project("host", EMBEDDED, URLS, files)
    stranger.run("manage.py", "migrate", "--verbosity", "0", cwd=project)
    make_administrator(stranger, project)
    return project


def make_administrator(stranger: Stranger, project: Path) -> None:
    names = ("--username", "ada", "--email", "ada@example.com")
    stranger.run(
        "manage.py",
        "createsuperuser",
        "--noinput",
        *names,
        cwd=project,
        DJANGO_SUPERUSER_PASSWORD="pw",
    )


def test_the_wheel_carries_the_three_packages_and_no_more(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.partition("/")[0] for name in names}
    (metadata,) = folders - {"taskhub", "workers", "dashboard"}
    assert metadata.endswith(".dist-info")
    for name in (
        "taskhub/py.typed",
        "taskhub/migrations/0001_initial.py",
        "workers/management/commands/runworker.py",
        "dashboard/templates/dashboard/task.html",
        "dashboard/static/dashboard/taskhub.css",
        "dashboard/locale/de/LC_MESSAGES/django.mo",
        "taskhub/locale/de/LC_MESSAGES/django.mo",
        f"{metadata}/licenses/LICENSE",
    ):
        assert name in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert len(names) == len(set(names))


def test_the_stranger_does_not_see_this_checkout(stranger: Stranger):
    said = stranger.run(
        "-c",
        "import sys, taskhub, workers, dashboard\n"
        "for package in (taskhub, workers, dashboard): print(package.__file__)\n"
        "print(*sys.path, sep='\\n')",
        cwd=stranger.directory,
    )
    lines = said.splitlines()
    assert all(line.startswith(str(stranger.installed)) for line in lines[:3])
    assert str(ROOT) not in lines[3:]


def test_an_empty_project_enqueues_from_a_view_runs_and_reads_the_result(stranger, host, serve):
    assert "no issues" in stranger.run("manage.py", "check", cwd=host)
    changes = stranger.run("manage.py", "makemigrations", "--check", "--dry-run", cwd=host)
    assert "No changes detected" in changes
    site = serve(host)
    answer = json.loads(site.post("/orders/17/", b"[10, 20, 12]"))
    assert answer["state"] == "queued"
    stranger.run("manage.py", "runworker", "--drain", cwd=host)
    outcome = json.loads(site.get(f"/results/{answer['id']}/"))
    assert outcome == {"state": "succeeded", "value": {"order": 17, "total": 42}}
    site.sign_in("ada", "pw")
    for page in ("/operations/", "/operations/tasks/", f"/operations/tasks/{answer['id']}/"):
        text = site.get(page)
        assert "shop.tasks.price_order" in text or page == "/operations/"
        for style in re.findall(r'(?:href|src)="(/static/dashboard/[^"]+)"', text):
            assert site.get(style)
    assert "all priced" in text


def test_the_pages_beside_show_the_tasks_of_a_host_whose_code_they_do_not_have(
    stranger, host, serve
):
    site = serve(host)
    answer = json.loads(site.post("/orders/18/", b"[1, 2]"))
    enqueue = "from shop import tasks; print(tasks.fail.enqueue().id)"
    failed = stranger.run("manage.py", "shell", "-c", enqueue, cwd=host).split()[-1]
    stranger.run("manage.py", "runworker", "--drain", cwd=host)
    files = {"mysite/router.py": ROUTER}
    beside = stranger.start_project("beside", BESIDE, URLS_BESIDE, files)
    assert "no issues" in stranger.run("manage.py", "check", cwd=beside)
    stranger.run("manage.py", "migrate", "--verbosity", "0", cwd=beside)
    make_administrator(stranger, beside)
    without = "import shop"
    with pytest.raises(AssertionError, match="No module named 'shop'"):
        stranger.run("-c", without, cwd=beside)

    pages = serve(beside)
    pages.sign_in("ada", "pw")
    assert "shop.tasks.price_order" in pages.get("/tasks/")
    text = pages.get(f"/tasks/{answer['id']}/")
    for words in ("shop.tasks.price_order", "all priced", "total", "succeeded"):
        assert words in text
    text = pages.get(f"/tasks/{failed}/")
    for words in ("shop.tasks.fail", "ValueError", "out of stock", "failed"):
        assert words in text
    read = (
        f"import taskhub; result = taskhub.get_result('{answer['id']}')\n"
        "print(result.task.name, result.return_value)"
    )
    said = stranger.run("manage.py", "shell", "-c", read, cwd=beside)
    assert "shop.tasks.price_order {'order': 18, 'total': 3}" in said


def test_a_host_may_list_the_queue_and_the_workers_only(stranger, host):
    """The host of a site beside: it has no dashboard."""
    settings = EMBEDDED.replace(', "dashboard"', "")
    files = {"shop/__init__.py": "", "shop/tasks.py": TASKS}
    project = stranger.start_project("lean", settings, "urlpatterns = []", files)
    assert "no issues" in stranger.run("manage.py", "check", cwd=project)
    stranger.run("manage.py", "migrate", "--verbosity", "0", cwd=project)
    enqueue = "from shop import tasks; print(tasks.price_order.enqueue(1, [2]).id)"
    id_ = stranger.run("manage.py", "shell", "-c", enqueue, cwd=project).split()[-1]
    stranger.run("manage.py", "runworker", "--drain", cwd=project)
    read = f"import taskhub; print(taskhub.get_result('{id_}').return_value)"
    assert "{'order': 1, 'total': 2}" in stranger.run("manage.py", "shell", "-c", read, cwd=project)
