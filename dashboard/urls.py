"""URLs of the dashboard: pages are read with GET, each verb is an address of its own that takes POST only."""

from django.urls import path, register_converter
from django.urls.converters import get_converters

from dashboard import converters
from dashboard.views.cancel import cancel
from dashboard.views.overview import overview
from dashboard.views.pause import pause
from dashboard.views.purge import confirm_purge, purge
from dashboard.views.resume import resume
from dashboard.views.retry import retry
from dashboard.views.task import task
from dashboard.views.tasks import tasks

for name, converter in (("taskhub_id", converters.TaskId), ("taskhub_queue", converters.QueueName)):
    if name not in get_converters():
        register_converter(converter, name)

app_name = "dashboard"
urlpatterns = [
    path("", overview, name="overview"),
    path("tasks/", tasks, name="tasks"),
    path("tasks/<taskhub_id:task_id>/", task, name="task"),
    path("tasks/<taskhub_id:task_id>/cancel/", cancel, name="cancel"),
    path("tasks/<taskhub_id:task_id>/retry/", retry, name="retry"),
    path("queues/<taskhub_queue:queue>/purge/confirm/", confirm_purge, name="confirm_purge"),
    path("queues/<taskhub_queue:queue>/purge/", purge, name="purge"),
    path("queues/<taskhub_queue:queue>/pause/", pause, name="pause"),
    path("queues/<taskhub_queue:queue>/resume/", resume, name="resume"),
]
