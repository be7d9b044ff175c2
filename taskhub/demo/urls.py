"""Route the demo's pages; the site includes them at its root."""

from django.urls import path

from taskhub.demo import views

app_name = "demo"

urlpatterns = [
    path("", views.home, name="home"),
    path("orders.csv", views.example_file, name="example"),
    path("run/<slug:slug>/", views.run, name="run"),
    path("progress/<str:token>/", views.progress, name="progress"),
    path("progress/<str:token>/state.json", views.progress_json, name="progress_json"),
    path("progress/<str:token>/files/<int:index>/", views.result_file, name="file"),
]
