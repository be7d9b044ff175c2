"""Chromium: only looked for; the `browser` fixture starts it."""

from tests.services.base import Missing, Service, find_program


class Chromium(Service):
    name = "Chromium"
    variable = "TASKHUB_TEST_CHROMIUM"

    def start(self) -> str:
        program = find_program("chromium", "chromium-browser", "google-chrome")
        if program is None:
            raise Missing("no browser is installed (Debian: chromium)")
        return program
