// What independent parsers make of a feed: node read.mjs PARSER FILE ADDRESS prints [[id, title, link, date, text], …].
import { readFileSync, createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [parser, file, address] = process.argv.slice(2);
const require = createRequire(pathToFileURL(process.cwd() + "/"));
const text = readFileSync(file, "utf8");
const iso = (date) => new Date(date).toISOString().slice(0, 19) + "Z";

const parsers = {
  async "rss-parser"() {
    const Parser = require("rss-parser");
    const feed = await new Parser().parseString(text);
    return feed.items.map((i) => [i.guid ?? i.id, i.title, i.link, i.isoDate ?? i.pubDate, i["content:encoded"] ?? i.content]);
  },
  async "@rowanmanning/feed-parser"() {
    const { parseFeed } = require("@rowanmanning/feed-parser");
    return parseFeed(text).items.map((i) => [i.id, i.title, i.url, i.published ?? i.updated, i.content]);
  },
  async feedparser() {
    const FeedParser = require("feedparser");
    const found = [];
    await new Promise((resolve, reject) => {
      const stream = createReadStream(file).pipe(new FeedParser({ feedurl: address, addmeta: false }));
      stream.on("error", reject).on("end", resolve).on("readable", () => {
        for (let i = stream.read(); i; i = stream.read()) found.push([i.guid, i.title, i.link, i.pubdate, i.description]);
      });
    });
    return found;
  },
  async "@extractus/feed-extractor"() {
    const { extractFromXml, extractFromJson } = await import(require.resolve("@extractus/feed-extractor"));
    const options = { descriptionMaxLen: 0, getExtraEntryFields: (entry) => ({ entry }) };
    const feed = file.endsWith("json") ? extractFromJson(JSON.parse(text), options) : extractFromXml(text, options);
    return feed.entries.map((i) => [i.id, i.title, i.link, i.published, i.description]);
  },
};
const rows = await parsers[parser]();
console.log(JSON.stringify(rows.map(([id, title, link, date, body]) => [id, title, link, iso(date), body ?? ""])));
