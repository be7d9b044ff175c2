"""workers: runs tasks (`manage.py runworker`). Imports taskhub; nothing imports it."""
