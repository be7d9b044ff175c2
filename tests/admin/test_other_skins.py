"""Beside Unfold and Jazzmin: docs/dashboard.md says which were tried; here is what must stay so for them to work."""

import os
import re
import subprocess
import sys

import pytest

from tests.settings import ROOT

PAGES = sorted((ROOT / "templates" / "dashboard").rglob("*.html"))
FRAGMENTS = sorted((ROOT / "taskhub" / "templates").rglob("*.html"))
ASK = """
import django
django.setup()
from django.contrib import admin
from taskhub.models import Schedule, Task
from unfold.admin import ModelAdmin
assert all(isinstance(admin.site._registry[one], ModelAdmin) for one in (Schedule, Task))
"""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_of_the_dashboard_builds_on_none_of_the_admins(path):
    assert set(re.findall(r'{% extends "([^"]*)" %}', path.read_text())) <= {"dashboard/base.html"}
    assert '"admin/' not in path.read_text()


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_what_the_admin_gets_is_a_part_of_a_page_and_names_no_block(path):
    assert not re.search(r"{% (extends|block) ", path.read_text())


def test_the_admin_pages_wear_unfold_where_the_site_does(tmp_path):
    (tmp_path / "unfold").mkdir()
    (tmp_path / "unfold" / "__init__.py").touch()
    (tmp_path / "unfold" / "admin.py").write_text(
        "from django.contrib import admin\n\n\nclass ModelAdmin(admin.ModelAdmin): ...\n"
    )
    (tmp_path / "worn.py").write_text(
        'from tests.settings import *\n\nINSTALLED_APPS = ["unfold", *INSTALLED_APPS]\n'
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "worn",
    }
    asked = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
