"""What any page of HTML has to hold to: balanced, self-contained, ids unique."""

import collections
import html.parser
import re
import xml.etree.ElementTree

VOID = {'area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta',
        'source', 'track', 'wbr'}
LOADING = {'src', 'srcset', 'data', 'action', 'poster', 'background', 'xlink:href'}


class Page(html.parser.HTMLParser):
    """A page, checked as it is read."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.tags = [], collections.Counter()
        self.ids, self.links, self.words, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for name, value in attrs:
            self.attributes.append((tag, name, value))
            if name == 'id':
                self.ids.append(value)
            if name == 'href':
                self.links.append(value)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack and self.stack.pop() == tag, tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ('style', 'script'):
            self.words.append(data)

    @property
    def text(self):
        return ' '.join(' '.join(self.words).split())


def check(text):
    """The page, if nothing is wrong with it."""
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids), collections.Counter(
        page.ids).most_common(3)
    assert all(link[0] == '#' and link[1:] in page.ids for link in page.links)
    assert not [a for a in page.attributes if a[1] in LOADING or a[1].startswith('on')]
    assert page.tags['link'] == page.tags['img'] == page.tags['iframe'] == 0
    assert page.tags['script'] == page.tags['style'] == 1
    assert not re.search(r'(https?:)?//[a-z]|@import|url\(', text)
    for picture in re.findall(r'<svg.*?</svg>', text, re.S):
        root = xml.etree.ElementTree.fromstring(picture)
        assert root.get('aria-label') and root.get('viewBox')
    assert not re.search(r'\bnan\b|\binf\b', ' '.join(
        re.findall(r'(?:d|cx|cy|x|y|width)="([^"]*)"', text)))
    assert len(text.encode()) < 1_000_000
    return page
