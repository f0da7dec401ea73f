"""What several tests of the explorer need: a graph, and a page taken apart."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from autograd import Value


def readme_graph():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = (a * b + 10) * a
    c.label = "c"
    loss = c.tanh() + c**2 / 50
    loss.label = "loss"
    return loss


class Parts(HTMLParser):
    """A page taken apart: its elements, and the text of those that have one."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.texts, self._open = [], {}, []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open:
            self.texts.setdefault((self._open[-1], len(self.elements)), []).append(data)

    def text_of(self, tag, **wanted):
        for k, (name, attributes) in enumerate(self.elements, 1):
            if name == tag and wanted.items() <= attributes.items():
                return "".join(self.texts.get((tag, k), []))
        raise AssertionError(f"no {tag} with {wanted}")


def data_of(explorer):
    """What travels, as the page reads it: JSON with the names of nan and infinities."""
    return json.loads(Parts(explorer.to_html()).text_of("script", type="application/json"))
