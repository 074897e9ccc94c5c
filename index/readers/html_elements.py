"""The elements of HTML, by what a browser does with their text."""

# fmt: off
VOID = frozenset({
    "area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link", "meta", "param", "source",
    "track", "wbr",
})
NEVER_NESTED = VOID | frozenset({
    "p", "li", "td", "th", "tr", "dt", "dd", "option", "thead", "tbody", "tfoot", "colgroup", "html", "head", "body",
})
"""Those of which none is ever open in another of its kind: the next one closes it."""

ENDED_BY = {"ruby": ("rt", "rp", "rb", "rtc"), "select": ("optgroup",)}
"""What need not be closed, by the element whose end closes it."""

FORMATTING = frozenset({
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
})
"""Those that are opened again in every block that follows, until they are closed."""

RAW = frozenset({"script", "style", "textarea", "title", "iframe", "noembed", "noframes", "xmp"})
"""Those in which what looks like a tag is none."""

UNSEEN = frozenset({
    "head", "script", "style", "template", "iframe", "canvas", "audio", "video", "datalist", "rp", "noembed",
    "noframes", "annotation", "annotation-xml", "metadata", "title",
})
PARAGRAPHS = frozenset({
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "blockquote", "pre", "table", "figure", "section",
    "article", "header", "main", "aside", "details", "hr", "footer", "nav", "dialog", "listing", "xmp", "plaintext",
})
LINES = frozenset({
    "div", "li", "dt", "dd", "tr", "caption", "figcaption", "summary", "form", "fieldset", "legend", "address",
    "center", "option", "optgroup", "select", "textarea", "thead", "tbody", "tfoot", "body", "html", "hgroup", "dir",
    "menu", "search", "foreignObject", "foreignobject", "mtr", "text", "object", "noscript", "marquee",
})
PREFORMATTED = frozenset({"pre", "textarea", "listing", "xmp", "plaintext"})
HEADINGS = {f"h{level}": level for level in range(1, 7)}
SECTIONS = frozenset({
    "article", "aside", "main", "nav", "section", "blockquote", "details", "dialog", "fieldset", "figure", "td", "th",
})
"""Those that have a footer of their own."""

KNOWN = VOID | NEVER_NESTED | FORMATTING | RAW | UNSEEN | PARAGRAPHS | LINES | SECTIONS | frozenset({
    "abbr", "acronym", "applet", "bdi", "bdo", "button", "cite", "data", "del", "dfn", "frameset", "ins", "kbd",
    "label", "map", "mark", "math", "meter", "optgroup", "output", "picture", "progress", "q", "rb", "rt", "rtc",
    "ruby", "samp", "slot", "span", "sub", "sup", "svg", "time", "var",
})
# fmt: on
