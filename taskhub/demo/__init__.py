"""Show the queue at work: sample tasks on shipped files, a form for visitors, `manage.py demo`."""
