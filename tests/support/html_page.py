"""An HTML page, read as a browser reads it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "rect", "line"}


class Page(HTMLParser):
    """Follows a page's elements. errors: tags that close what is not open; texts: by the elements around them."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.errors, self.elements, self.texts = [], [], [], []
        self.feed(source)
        self.close()
        self.errors += self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"/{tag}")

    def handle_data(self, data):
        self.texts.append((tuple(self.open), data))

    @property
    def text(self) -> str:
        return " ".join(" ".join(data.split()) for path, data in self.texts if not {"style", "title"} & set(path))

    def inside(self, tag: str) -> list[str]:
        return [data for path, data in self.texts if tag in path]

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]
