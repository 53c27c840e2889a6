# Universal Feed Parser fetches every address of its arguments, and then again with
# the validators it was given.
import calendar, json, sys
import feedparser

feedparser.SANITIZE_HTML = feedparser.RESOLVE_RELATIVE_URIS = 0


def seconds(entry, name):
    return calendar.timegm(entry[name]) if entry.get(name) else 0


read = []
for url in sys.argv[1:]:
    d = feedparser.parse(url, agent="python3-feedparser")
    again = feedparser.parse(url, agent="python3-feedparser", etag=d.get("etag"), modified=d.get("modified"))
    read.append({
        "url": url,
        "fault": str(d.get("bozo_exception", "malformed")) if d.bozo else "",
        "again": again.get("status", 0),
        "title": d.feed.get("title", ""),
        "self": next((l.href for l in d.feed.get("links", []) if l.rel == "self"), ""),
        "entries": [{
            "id": e.get("id", ""),
            "url": e.get("link", ""),
            "title": e.get("title", ""),
            "summary": e.get("summary", ""),
            "author": e.get("author", ""),
            "published": seconds(e, "published_parsed"),
            "updated": seconds(e, "updated_parsed"),
            "categories": [t.label or t.term for t in e.get("tags", [])],
            "content": "".join(c.value for c in e.get("content", [])),
        } for e in d.entries],
    })
json.dump(read, sys.stdout)
