"""Reports: results as Markdown, HTML and plots, and the tables of the documentation."""
