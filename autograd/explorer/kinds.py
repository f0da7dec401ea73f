"""The styles of the page under the name that tests know."""

from autograd.draw.style import ON_PAGE as STYLES

__all__ = ["STYLES"]
