#!/usr/bin/env python3
"""Compares what two programs were seen to do; .ci/compare says how they are observed.

    compare.py BASE OLD NEW [WORDING]

BASE is the SQLite database that both started from, OLD and NEW are folders. Only what
can't be the same in two runs is blanked: times since BASE was made, the names of
digests and emails made since, signatures, and the tokens of links made since. WORDING
lists sentences that may differ.

It prints a line for each thing compared, and the first differences.
"""

import difflib
import email
import html
import json
import re
import sqlite3
import sys
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

EXACT = {"build", "feeds"}  # compared byte for byte, whatever wording may differ
TOGETHER = {"build", "preview", "sent", "visits"}  # one thing each, and so is each "plan …"
IN_FULL = 5  # how many differences are shown

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


class Wording:
    """Sentences that may differ, each in the forms that it has in text, JSON and HTML.

    A file that holds one may break its lines elsewhere.
    """

    def __init__(self, path):
        self.sentences = []
        for line in path.read_text().splitlines() if path else []:
            if line and not line.startswith("#"):
                self.sentences.append(line.split("\t"))
        self.used = set()

    def change(self, text):
        for before, after in self.sentences:
            for form in (str, in_json, html.escape):
                if form(before) in text:
                    self.used.add(before)
                    text = text.replace(form(before), form(after))
        return text

    def explains(self, a, b):
        """Tells whether two texts differ in these sentences alone."""
        a, b = (re.sub(r"(\s|\\n)+", " ", text) for text in (a, b))
        changed = self.change(a)
        return changed != a and changed == b

    def unused(self):
        return [before for before, _ in self.sentences if before not in self.used]


def in_json(text):
    text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def differences(name, a, b, wording):
    """Returns the lines in which two files differ. None is a file that is missing."""
    if a is None or b is None:
        text = (a or b or b"").decode("utf-8", "replace")
        return [f"only the {'old' if b is None else 'new'} program has it"] + text.splitlines()
    if name.parts[0] in EXACT:
        return [] if a == b else diff(a.decode("utf-8", "replace"), b.decode("utf-8", "replace"))
    if name.suffix == ".eml":
        a, b = Email(a), Email(b)
        if a.raw == b.raw:
            return []
        if a.text() == b.text():
            return ["the same text is encoded differently"] + diff(a.raw, b.raw)
        a, b = blank(a.text()), blank(b.text())
    else:
        a, b = blank(a.decode("utf-8")), blank(b.decode("utf-8"))
    return [] if wording.explains(a, b) else diff(wording.change(a), b)


def diff(a, b):
    if a == b:
        return []
    lines = difflib.unified_diff(a.splitlines(), b.splitlines(), n=0, lineterm="")
    return list(lines)[2:] or ["the line breaks differ"]


def files(folder):
    return {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}


def main():
    wording = Wording(Path(sys.argv[4]) if len(sys.argv) > 4 else None)
    trees = files(old), files(new)
    things = {}
    for name in sorted(trees[0].keys() | trees[1].keys()):
        folder = name.parts[0]
        things.setdefault(folder if folder in TOGETHER or folder.startswith("plan ") else str(name), []).append(name)
    differ = 0
    for thing, names in things.items():
        found = {}
        for name in names:
            if lines := differences(name, *(tree[name].read_bytes() if name in tree else None for tree in trees), wording):
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
    for sentence in wording.unused():
        differ += 1
        print(f"DIFFER  nothing differs by {sentence!r}: remove it from the wording")
    print(f"{len(things)} compared, {differ} differ")
    return differ > 0


sys.exit(main())
