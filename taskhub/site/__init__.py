"""The deployable site: the dashboard, the admin and the demo."""
