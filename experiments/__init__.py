"""Studies of the product that are no part of it; docs/experiments has what they showed."""
