"""URLs of the dashboard: pages are read with GET, each verb is an address of its own that takes POST only."""

from django.urls import path, register_converter
from django.urls.converters import get_converters

from dashboard import converters
from dashboard.views.audit_log import audit_log
from dashboard.views.bulk import bulk_action, choose, purge, run, stop_bulk, undo
from dashboard.views.cancel import cancel
from dashboard.views.control import confirm_stop, quiet, stop, wake
from dashboard.views.edit import edit, retry_edited
from dashboard.views.error import error
from dashboard.views.errors import errors
from dashboard.views.live import live
from dashboard.views.overview import overview
from dashboard.views.palette import palette
from dashboard.views.pause import pause
from dashboard.views.queue import queue
from dashboard.views.queues import queues
from dashboard.views.resume import resume
from dashboard.views.retry import retry
from dashboard.views.saved_views import forget_view, save_view
from dashboard.views.schedules import (
    disable_schedule,
    enable_schedule,
    run_schedule,
    schedules,
)
from dashboard.views.task import task
from dashboard.views.tasks import tasks
from dashboard.views.visit import visit
from dashboard.views.worker import worker
from dashboard.views.workers import workers

for name, converter in (
    ("taskhub_id", converters.TaskId),
    ("taskhub_queue", converters.QueueName),
    ("taskhub_print", converters.Fingerprint),
):
    if name not in get_converters():
        register_converter(converter, name)

app_name = "dashboard"
urlpatterns = [
    path("", overview, name="overview"),
    path("live/", live, name="live"),
    path("live/task/", visit, name="visit"),
    path("palette/", palette, name="palette"),
    path("tasks/", tasks, name="tasks"),
    path("tasks/choose/", choose, name="choose"),
    path("tasks/views/save/", save_view, name="save_view"),
    path("tasks/views/<taskhub_id:view_id>/forget/", forget_view, name="forget_view"),
    path("tasks/<taskhub_id:task_id>/", task, name="task"),
    path("tasks/<taskhub_id:task_id>/cancel/", cancel, name="cancel"),
    path("tasks/<taskhub_id:task_id>/retry/", retry, name="retry"),
    path("tasks/<taskhub_id:task_id>/edit/", edit, name="edit"),
    path("tasks/<taskhub_id:task_id>/retry-edited/", retry_edited, name="retry_edited"),
    path("bulk/<taskhub_id:action_id>/", bulk_action, name="bulk"),
    path("bulk/<taskhub_id:action_id>/run/", run, name="run_bulk"),
    path("bulk/<taskhub_id:action_id>/stop/", stop_bulk, name="stop_bulk"),
    path("bulk/<taskhub_id:action_id>/undo/", undo, name="undo_bulk"),
    path("queues/", queues, name="queues"),
    path("queues/<taskhub_queue:queue>/", queue, name="queue"),
    path("queues/<taskhub_queue:queue>/purge/", purge, name="purge"),
    path("queues/<taskhub_queue:queue>/pause/", pause, name="pause"),
    path("queues/<taskhub_queue:queue>/resume/", resume, name="resume"),
    path("errors/", errors, name="errors"),
    path("errors/<taskhub_print:fingerprint>/", error, name="error"),
    path("workers/", workers, name="workers"),
    path("workers/<taskhub_id:worker_id>/", worker, name="worker"),
    path("workers/<taskhub_id:worker_id>/quiet/", quiet, name="quiet"),
    path("workers/<taskhub_id:worker_id>/wake/", wake, name="wake"),
    path("workers/<taskhub_id:worker_id>/stop/confirm/", confirm_stop, name="confirm_stop"),
    path("workers/<taskhub_id:worker_id>/stop/", stop, name="stop"),
    path("schedules/", schedules, name="schedules"),
    path("schedules/<taskhub_id:schedule_id>/enable/", enable_schedule, name="enable_schedule"),
    path("schedules/<taskhub_id:schedule_id>/disable/", disable_schedule, name="disable_schedule"),
    path("schedules/<taskhub_id:schedule_id>/run/", run_schedule, name="run_schedule"),
    path("audit/", audit_log, name="audit"),
]
