"""What the pages show, as HTML; nothing here knows of Streamlit."""
