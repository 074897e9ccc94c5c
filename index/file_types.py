"""The types of files that are known by their suffixes; any other is looked into, and read if it is text."""

READERS = {
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".csv": "tables",
    ".tsv": "tables",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".dotx": "docx",
    ".json": "data",
    ".geojson": "data",
    ".ipynb": "data",
    ".xml": "xml",
    ".svg": "xml",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".ics": "cards",
    ".vcf": "cards",
    ".epub": "epub",
    ".rtf": "rtf",
    ".msg": "outlook",
    ".doc": "old_office",
    ".dot": "old_office",
    ".ppt": "old_office",
    ".pps": "old_office",
    ".odt": "opendocument",
    ".ott": "opendocument",
    ".odp": "opendocument",
    ".zip": "archives",
    ".tar": "archives",
    ".tgz": "archives",
    ".tbz2": "archives",
    ".txz": "archives",
    ".gz": "archives",
    ".bz2": "archives",
    ".xz": "archives",
    ".eml": "mail",
    ".mbox": "mail",
    ".mbx": "mail",
    ".mht": "mail",
    ".mhtml": "mail",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".ppsx": "pptx",
    ".potx": "pptx",
    ".xlsx": "sheets",
    ".xlsm": "sheets",
    ".xltx": "sheets",
    ".xlsb": "sheets",
    ".xls": "sheets",
    ".ods": "sheets",
    ".png": "images",
    ".jpg": "images",
    ".jpeg": "images",
    ".tif": "images",
    ".tiff": "images",
    ".webp": "images",
    ".bmp": "images",
}
"""The module of `index.readers` that reads files of a suffix."""

BY_OCR = "images"
"""The module of those that are read only where it is asked for."""

SUFFIXES: frozenset[str] = frozenset(READERS)
"""The suffixes, in lower case, of the files that are known by them."""

MANY_DOCUMENTS = frozenset(
    {".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".xltx", ".xlsb", ".xls", ".ods", ".mbox", ".mbx"}
    | {".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz"}
)
"""The suffixes of the files that hold any number of documents and are read one by one."""

GENERATED = (
    "*.min.js", "*.min.mjs", "*.min.css", "*.js.map", "*.mjs.map", "*.css.map",
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "Cargo.lock", "poetry.lock", "uv.lock",
    "Pipfile.lock", "composer.lock", "Gemfile.lock", "go.sum",
)  # fmt: skip
"""Patterns, as gitignore's, of what programs make of other files for programs: nobody looks for anything in it."""

MINIFIED = frozenset({".js", ".mjs", ".cjs", ".css"})
"""Suffixes of files that may be minified, whatever they are called."""
