// feedsmith reads every document that standard input lists as [{url, file}].
const { readFileSync } = require("node:fs");
const { parseFeed } = require("feedsmith");

const seconds = (date) => (date ? Date.parse(date) / 1000 : 0);
const text = (value) => (typeof value === "string" ? value : (value?.value ?? ""));
const self = (links) => links?.find((link) => link.rel === "self")?.href ?? "";

const readers = {
  rss: (feed) => ({
    self: self(feed.atom?.links),
    entries: feed.items?.map((item) => ({
      id: item.guid?.value,
      url: item.link,
      title: text(item.title),
      summary: text(item.description),
      author: item.dc?.creators?.join(),
      published: seconds(item.pubDate),
      updated: seconds(item.atom?.updated),
      categories: item.categories?.map((c) => c.name),
      content: item.content?.encoded,
    })),
  }),
  atom: (feed) => ({
    self: self(feed.links),
    entries: feed.entries?.map((entry) => ({
      id: entry.id,
      url: entry.links?.find((link) => link.rel === "alternate" || !link.rel)?.href,
      title: text(entry.title),
      summary: text(entry.summary),
      author: entry.authors?.map((a) => a.name).join(),
      published: seconds(entry.published),
      updated: seconds(entry.updated),
      categories: entry.categories?.map((c) => c.label ?? c.term),
      content: text(entry.content),
    })),
  }),
  json: (feed) => ({
    self: feed.feed_url,
    entries: feed.items?.map((item) => ({
      id: item.id,
      url: item.url,
      title: item.title,
      summary: item.summary,
      author: item.authors?.map((a) => a.name).join(),
      published: seconds(item.date_published),
      updated: seconds(item.date_modified),
      categories: item.tags,
      content: item.content_html,
    })),
  }),
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(({ url, file }) => {
  try {
    const { format, feed } = parseFeed(readFileSync(file, "utf8"));
    return { url, title: text(feed.title), ...readers[format](feed) };
  } catch (e) {
    return { url, fault: String(e) };
  }
})));
