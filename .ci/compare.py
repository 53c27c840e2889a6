#!/usr/bin/env python3
"""Compares what two programs were seen to do; .ci/compare says how they are observed.

    compare.py BASE OLD NEW [WORDING [TERMINAL]]

BASE is the SQLite database that both started from, OLD and NEW are folders. Only what
can't be the same in two runs is blanked: times since BASE was made, the names of
digests and emails made since, signatures, and the tokens of links made since. WORDING
lists sentences that may differ in what people read: pages, emails, answers. Feeds,
sitemaps and all else that a build holds or the site serves never may. TERMINAL lists
those that may differ, besides, in what commands print for people.

It prints a line for each thing compared, and the first differences.
"""

import ctypes
import difflib
import email
import gzip
import hashlib
import html
import json
import quopri
import re
import sqlite3
import sys
from datetime import datetime, timezone
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path

EXACT = {"build", "feeds"}  # compared byte for byte, but for wording in pages of a build
ANSWERS = {"actions", "plans", "questions", "visited"}  # the JSON in them may differ in wording
TOGETHER = {"build", "preview", "sent", "visits"}  # one thing each, and so is each "plan …"
IN_FULL = 5  # how many differences are shown
WIDTH = 72  # of the text part of an email

base, old, new = map(Path, sys.argv[1:4])
since = datetime.fromtimestamp(base.stat().st_mtime, timezone.utc)
db = sqlite3.connect(f"file:{base}?mode=ro", uri=True)
known = {row[0] for row in db.execute("SELECT public_id FROM subscribers UNION SELECT message_id FROM deliveries")}


def blank(text):
    """Blanks what can't be the same in two runs."""

    def time(parse):
        return lambda match: "TIME" if parse(match[0]) >= since else match[0]

    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", time(datetime.fromisoformat), text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d (GMT|[+-]\d{4})", time(parsedate_to_datetime), text)
    text = re.sub(r"[A-Z][a-z]+ \d{1,2}, \d{4} at \d\d:\d\d [A-Z]+|[A-Z][a-z]{2} \d{1,2}, \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r'(name="stamp" value=")[^"]*', r"\1STAMP", text)
    # These tokens depend on when they were asked for, the others on the reader.
    text = re.sub(r"/(confirm|decline|moved)/[\w.-]+", r"/\1/TOKEN", text)
    text = re.sub(r"\b[0-9a-f]{6}\.([\w-]{20})\.[\w-]{24}(?![\w-])", lambda m: m[0] if m[1] in known else "TOKEN", text)
    return re.sub(r"[a-z2-7]{16}\.(m\d+|[a-z2-7]{12})@[\w.-]+", lambda m: m[0] if m[0] in known else f"LABEL.{unit(m[1])}", text)


def unit(name):
    """Blanks the UID of a digest. Single emails are numbered."""
    return name if re.fullmatch(r"m\d+", name) else "UID"


class Email:
    """An email without its Date, signatures, the first label of its Message-ID, and its digest's UID."""

    def __init__(self, raw):
        header, body = raw.decode("utf-8").split("\r\n\r\n", 1)
        name = re.search(r"^Message-ID: <\w+\.(\w+)@", header, re.M)[1]
        header = re.sub(r"^(Message-ID: <)\w+\.", r"\1LABEL.", header, flags=re.M)
        header = re.sub(r"^Date: [^\r]*", "Date: TIME", header, flags=re.M)
        header = re.sub(r"^DKIM-Signature: .*?(?=\r\n\S|\Z)", self.signature, header, flags=re.M | re.S)
        self.raw = re.sub(r"=_m(\d+)-\d+", r"=_m\1-TIME", f"{header}\r\n\r\n{body}")
        if unit(name) != name:
            self.raw = self.raw.replace(name, "UID")

    @staticmethod
    def signature(match):
        return re.sub(r"\b(t|bh|b)=[^;]*", r"\1=BLANK", match[0])

    def text(self):
        """Returns the header fields as they stand and the decoded parts."""
        lines = []
        for part in email.message_from_bytes(self.raw.encode()).walk():
            lines += [f"{name}: {value}" for name, value in part.raw_items()] + [""]
            if not part.is_multipart():
                lines += part.get_payload(decode=True).decode("utf-8").split("\n") + [""]
        return "\n".join(lines)

    def pieces(self):
        """Returns what stays as it is, and what wording may change: the Subject and the text of the parts.

        Where quoted-printable and the text part break lines is in neither.
        """
        fixed, words = [], []
        for part in email.message_from_string(self.raw).walk():
            for name, value in part.raw_items():
                if name == "Subject":
                    words.append(str(make_header(decode_header(value))))
                    value = ""
                fixed.append(f"{name}: {value}")
            if part.is_multipart():
                fixed += [part.preamble or "", part.epilogue or ""]
                continue
            text = part.get_payload().replace("=\r\n", "").replace("\r\n", "\n")
            words.append(unwrap(text) if part.get_content_type() == "text/plain" else text)
        return blank("\n".join(fixed)), blank("\n".join(words))


def unwrap(text):
    """Joins the lines that were broken because their next word had no room."""

    def width(text):
        return len(quopri.decodestring(text.encode()).decode())

    lines = text.split("\n")
    joined = lines[0]
    for above, line in pairwise(lines):
        full = above and line and width(above) + 1 + width(line.split()[0]) > WIDTH
        joined += " " + line.lstrip(" ") if full else "\n" + line
    return joined


def page(raw):
    """Returns the header and the body of an answer. An ETag that is the body's hash is blanked."""
    header, _, body = raw.partition(b"\n\n")
    tag = hashlib.sha256(body).hexdigest()[:24]
    return blank(header.decode().replace(f'Etag: "{tag}"', "Etag: HASH")), blank(body.decode())


def unpack(name, packed):
    """Returns the text of a file of a build, which may be compressed."""
    if name.suffix == ".gz":
        packed = gzip.decompress(packed)
    elif name.suffix == ".br":
        # Python has no Brotli, but curl brings the library.
        size = ctypes.c_size_t(1 << 24)
        room = ctypes.create_string_buffer(size.value)
        if not ctypes.CDLL("libbrotlidec.so.1").BrotliDecoderDecompress(ctypes.c_size_t(len(packed)), packed, ctypes.byref(size), room):
            return f"{name} is not Brotli, or larger than 16 MB"
        packed = room.raw[: size.value]
    return packed.decode("utf-8")


class Wording:
    """Sentences that may differ, each in the forms that it has in text, JSON and HTML."""

    def __init__(self, paths):
        lines = [line for path in paths for line in Path(path).read_text().splitlines()]
        self.sentences = [line.split("\t") for line in lines if line and not line.startswith("#")]
        self.used = set()

    def change(self, text):
        for before, after in self.sentences:
            # Forms can be equal, and the new sentence can hold the old one.
            forms = {form(before): form(after) for form in (in_html, in_json, str)}
            for said, says in forms.items():
                if said in text:
                    self.used.add(before)
                    text = text.replace(said, says)
        return text

    def explains(self, a, b):
        """Tells whether two texts differ in these sentences alone."""
        changed = self.change(a)
        return changed != a and changed == b


def in_json(text):
    text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def in_html(text):
    return html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def differences(name, a, b, wording):
    """Returns the lines in which two files differ. None is a file that is missing."""
    if a is None or b is None:
        text = (a or b or b"").decode("utf-8", "replace")
        return [f"only the {'old' if b is None else 'new'} program has it"] + text.splitlines()
    if a == b:
        return []
    folder = name.parts[0]
    if name.suffix == ".eml":
        return different_emails(Email(a), Email(b), wording)
    if folder == "build" and ".html" in name.suffixes:
        a, b = unpack(name, a), unpack(name, b)
        if a == b:
            return ["the same page is compressed differently"]
        return [] if wording.explains(a, b) else diff(wording.change(a), b)
    if folder in EXACT:
        return diff(a.decode("utf-8", "replace"), b.decode("utf-8", "replace"))
    if folder == "web" and all(b"\nContent-Type: text/html" in answer.partition(b"\n\n")[0] for answer in (a, b)):
        (header, a), (new_header, b) = page(a), page(b)
        same = header == new_header and (a == b or wording.explains(a, b))
        return [] if same else diff(header, new_header) + diff(wording.change(a), b)
    a, b = blank(a.decode("utf-8")), blank(b.decode("utf-8"))
    if "content show " in name.name:
        # Its text was the insight as plain text, and is its Markdown now.
        if name.suffix == ".json":
            a, b = (re.sub(r'^(  "text": )".*"', r"\1TEXT", text, flags=re.M) for text in (a, b))
        else:
            a, b = (text.partition("\n\n")[0] for text in (a, b))
    if a == b:
        return []
    feed = "feed show " in name.name and not a.startswith("insights: ")  # and not an error
    if feed or folder not in ANSWERS | {"words"} or name.suffix not in {".json", ".txt"}:
        return diff(a, b)
    if folder == "words":
        # Wording moves the columns of tables, too.
        same = wording.explains(*(re.sub(r"\s+", " ", text) for text in (a, b)))
    else:
        same = wording.explains(unwrap_answer(a), unwrap_answer(b))
    return [] if same else diff(wording.change(a), b)


def different_emails(a, b, wording):
    """Returns the lines in which two emails differ."""
    texts = a.text(), b.text()
    if a.raw == b.raw or texts[0] != texts[1] and blank(texts[0]) == blank(texts[1]):
        return []
    (fixed, words), (new_fixed, new_words) = a.pieces(), b.pieces()
    if fixed == new_fixed and wording.explains(words, new_words):
        return []
    lines = diff(wording.change(blank(texts[0])), blank(texts[1]))
    return lines or ["the same text is encoded differently"] + diff(a.raw, b.raw)


def unwrap_answer(text):
    """Unwraps the text parts of the emails in JSON."""
    return re.sub(r'(?<="text": )"(\\.|[^"\\])*"', lambda match: json.dumps(unwrap(json.loads(match[0])), ensure_ascii=False), text)


def diff(a, b):
    if a == b:
        return []
    lines = difflib.unified_diff(a.splitlines(), b.splitlines(), n=0, lineterm="")
    return list(lines)[2:] or ["the line breaks differ"]


def files(folder):
    return {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}


def main():
    wording, terminal = Wording(sys.argv[4:5]), Wording(sys.argv[4:])
    trees = files(old), files(new)
    things = {}
    for name in sorted(trees[0].keys() | trees[1].keys()):
        folder = name.parts[0]
        things.setdefault(folder if folder in TOGETHER or folder.startswith("plan ") else str(name), []).append(name)
    differ = 0
    for thing, names in things.items():
        found = {}
        for name in names:
            contents = (tree[name].read_bytes() if name in tree else None for tree in trees)
            if lines := differences(name, *contents, terminal if name.parts[0] == "words" else wording):
                found[name] = lines
        title = f"{thing} ({len(names)} files)" if len(names) > 1 else thing
        if not found:
            print(f"same    {title}")
            continue
        differ += 1
        print(f"DIFFER  {title}" + (f", {len(found)} of them" if len(names) > 1 else ""))
        if differ <= IN_FULL:
            name, lines = next(iter(found.items()))
            for line in ([str(name)] if len(names) > 1 else []) + lines[:12]:
                print(f"        {line[:200]}")
    for sentence, _ in terminal.sentences:
        if sentence not in wording.used | terminal.used:
            differ += 1
            print(f"DIFFER  nothing differs by {sentence!r}: remove it from the wording")
    print(f"{len(things)} compared, {differ} differ")
    return differ > 0


sys.exit(main())
