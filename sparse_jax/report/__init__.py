"""A study as one page that explains itself: report.html."""
