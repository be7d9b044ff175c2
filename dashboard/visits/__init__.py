"""visits: what the host's own users see of one task, by a token and without a login to the dashboard."""
