"""Base: what all admin pages here build on: Unfold's class where the site wears it, else Django's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.contrib import admin
from django.utils.module_loading import import_string

if TYPE_CHECKING or not apps.is_installed("unfold"):
    ModelAdmin = admin.ModelAdmin
else:  # without it, fields have no borders: Unfold gives each widget the classes that its style knows
    ModelAdmin = import_string("unfold.admin.ModelAdmin")
