"""Training: settings, recipes, data sampling, optimizer, loss, checkpoints and the loop."""
