"""Report of result files: criteria, charts, analysis and plan as HTML, Markdown and JSON."""
