"""Views: a page or a verb each."""
