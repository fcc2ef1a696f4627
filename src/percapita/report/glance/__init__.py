"""A month at a glance: its figures, and the charts that pages and reports draw of them."""
