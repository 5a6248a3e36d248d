"""Training: protocol, schedule, loss, checkpoints, loop."""
