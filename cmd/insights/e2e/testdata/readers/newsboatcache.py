# What newsboat keeps in its cache, feed by feed.
import json, sqlite3, sys

db = sqlite3.connect(sys.argv[1])
json.dump([{
    "url": feed,
    "title": title,
    "entries": [dict(zip(("id", "url", "title", "author", "content", "published"), row)) for row in db.execute(
        "select guid, url, title, author, content, pubDate from rss_item where feedurl = ? order by id", (feed,))],
} for feed, title in db.execute("select rssurl, title from rss_feed")], sys.stdout)
