"""The finance close: reconciliation, invoices, journal, and each version of a month."""
