"""Many methods compared: plan, comparison, tuning, tables and figures."""
