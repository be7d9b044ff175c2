"""`manage.py taskhub_bench`: what this queue does on the site's own database and machine."""
