"""The pages, a module each: widgets, and what they show."""
