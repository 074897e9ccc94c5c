"""What the pages of `app.py` are drawn with: words in two languages, HTML and charts."""
