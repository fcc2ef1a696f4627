"""A report as blocks, written as HTML, Markdown, PDF or plain text: the same figures in each."""
