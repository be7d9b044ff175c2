"""Template tag of live pages: `{% region "name" %}…{% endregion %}` marks a part that is kept fresh."""

from __future__ import annotations

from django import template
from django.template import Context, Node
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.live.regions import record

register = template.Library()


class RegionNode(Node):
    """Wraps its content into an element without a box of its own, which the script finds by its id."""

    def __init__(self, name: FilterExpression, nodelist: NodeList) -> None:
        self.name, self.nodelist = name, nodelist

    def render(self, context: Context) -> SafeString:
        name, html = str(self.name.resolve(context)), self.nodelist.render(context)
        record(getattr(context, "request", None), name, html)
        return format_html(
            '<div class="region" id="live-{}" data-region="{}">{}</div>', name, name, html
        )


@register.tag
def region(parser: Parser, token: Token) -> RegionNode:
    """Mark a region. What comes and goes as a whole stands inside one that stays."""
    words = token.split_contents()
    if len(words) != 2:
        raise template.TemplateSyntaxError(f"{words[0]!r} takes one argument: the region's name.")
    nodelist = parser.parse(("endregion",))
    parser.delete_first_token()
    return RegionNode(parser.compile_filter(words[1]), nodelist)
