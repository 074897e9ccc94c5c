"""sakuin in frameworks of others: a module for each, which needs the extra of its name."""
