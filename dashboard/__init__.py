"""dashboard: the operators' pages. Imports taskhub; nothing imports it."""
