"""The commands: `index`, and those of training and evaluation. Above everything else."""
