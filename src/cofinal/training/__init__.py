"""The loop, batches, stacked members, optimiser, and runs that survive a kill."""
