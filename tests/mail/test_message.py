"""The message itself: what a mail program gets, and that nothing in it is anybody else's."""

import base64
import csv
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import MailError
from insights_lib.mail.content import CHARTS, contents_of
from insights_lib.mail.lines import WIDEST, grid, width, wrapped
from insights_lib.mail.message import LONGEST_HTML, Enclosed, Envelope, message_of
from insights_lib.mail.pictures import Picture, Pictures
from insights_lib.page.sections import Report, read_report
from insights_lib.parameters.spec import LOCALES
from insights_lib.presentation import theme
from insights_lib.presentation.language import UNKNOWN, Language
from insights_lib.tables import TABLES
from tests.support.browser import SCREENSHOTS, report_of
from tests.support.hostile import COLUMNS, HOSTILE, LONG, profile
from tests.support.mailing import attached, parsed, told
from tests.support.rows import seats_row, usage_row

MONTHS = [f"2025-{month:02d}" for month in range(1, 7)]
ENVELOPE = Envelope(
    sender=("Partner Insights", "reports@example.com"),
    to=(("Åsa Öberg", "asa@example.com"),),
    copies=(("", "bo@example.com"),),
    message_id="0123abc@example.com",
    date=datetime(2025, 8, 1, 6, tzinfo=UTC),
    unsubscribe=f"https://example.com/{'long/' * 30}?list=1&you=2",
)


def plain_datasets() -> dict[str, Any]:
    rows = [
        seats_row(month, f"{market}-{n}", CustomerMarket=market, Product=product)
        for number, month in enumerate(MONTHS)
        for market, product, first in (("Sweden", "Office 365", 1200), ("Norway", "Azure", 3))
        for n in range(first + 5 * number)
    ]
    usage = [usage_row(month, "Sweden-1") for month in MONTHS[2:]]
    return {"SeatsSubscriptionsAndRevenue": rows, "OfficeUsage": usage}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("plain"), plain_datasets(), locale="sv")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which every text from data is hostile, some are long, and markets are many."""
    texts = (*HOSTILE, LONG, "é" * 5000)
    seats = [
        seats_row(month, str(n), **dict.fromkeys(COLUMNS, name))
        for month in MONTHS
        for n, name in enumerate(texts)
    ]
    seats += [seats_row("2025-06", f"m{n}", CustomerMarket=f"market {n}") for n in range(10_000)]
    datasets = {"Profile": [profile(LONG)], "SeatsSubscriptionsAndRevenue": seats}
    return report_of(tmp_path_factory.mktemp("hostile"), datasets)


@pytest.fixture(scope="module")
def drawn() -> Iterator[Pictures]:
    taken = Pictures()
    yield taken
    taken.close()


def message(folder: Path, drawn: Pictures | None, link: str | None = None) -> bytes:
    page = folder / "report.html"
    taken = drawn.of(page, CHARTS) if drawn else {}
    enclosed = Enclosed(read_report(folder / "notebooks"), page.read_bytes(), link, taken)
    return message_of(ENVELOPE, enclosed).as_bytes()


@pytest.fixture(scope="module")
def sent(plain: Path, drawn: Pictures) -> bytes:
    return message(plain, drawn)


@pytest.fixture(scope="module")
def hostile_sent(hostile: Path, drawn: Pictures) -> bytes:
    return message(hostile, drawn)


def without_page(report: Report, **facts: Any) -> bytes:
    """A small message, of a report with other facts."""
    other = replace(report, facts={**report.facts, **facts})
    return message_of(ENVELOPE, Enclosed(other, b"page")).as_bytes()


class _Html(HTMLParser):
    """Takes note of tags, attributes and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


class _Read(HTMLParser):
    """What a text browser reads out: texts, and what stands for pictures, each with its tag."""

    UNSEEN = frozenset({"script", "style", "title", "template"})
    LINES = frozenset({"p", "li", "h1", "h2", "h3", "td", "th", "footer", "div"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open = ""
        self.lines: list[tuple[str, str]] = [("", "")]
        self.feed(html)
        self.lines = [(tag, " ".join(text.split())) for tag, text in self.lines if text.strip()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open = tag
        if tag == "img":
            self.lines.append((tag, dict(attrs).get("alt") or ""))
        elif tag in self.LINES and "hidden" not in dict(attrs):
            self.lines.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - as HTMLParser has it
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open not in self.UNSEEN:
            tag, text = self.lines[-1]
            self.lines[-1] = (tag, text + data)


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


# Structure and headers


def test_a_message_is_text_or_html_with_pictures_and_the_page_beside(
    sent: bytes, plain: Path
) -> None:
    def shape(part: EmailMessage) -> Any:
        kind = part.get_content_type()
        return (kind, [shape(p) for p in part.iter_parts()]) if part.is_multipart() else kind

    related = ("multipart/related", ["text/html", *["image/png"] * 3])
    alternative = ("multipart/alternative", ["text/plain", related])
    assert shape(parsed(sent)) == ("multipart/mixed", [alternative, "text/html"])
    assert attached(parsed(sent)) == [
        ("customers-1-2025-01_2025-06.html", (plain / "report.html").read_bytes())
    ]


def test_headers_say_who_and_what_it_is(sent: bytes) -> None:
    read = parsed(sent)
    assert str(read["From"]) == "Partner Insights <reports@example.com>"
    assert str(read["To"]) == "Åsa Öberg <asa@example.com>"
    assert str(read["Cc"]) == "bo@example.com"
    assert str(read["Message-ID"]) == "<0123abc@example.com>"
    assert str(read["Date"]) == "Fri, 01 Aug 2025 06:00:00 +0000"
    assert str(read["Auto-Submitted"]) == "auto-generated"
    assert str(read["Subject"]) == "1: Kunder, jan. 2025 – juni 2025"
    assert f"\r\nList-Unsubscribe: <{ENVELOPE.unsubscribe}>\r\n".encode() in sent
    assert [name for name in read if name in {"Bcc", "Sender", "Received"}] == []


def test_every_byte_has_seven_bits_and_no_line_is_too_long(sent: bytes) -> None:
    assert sent.isascii()
    assert b"\0" not in sent
    assert max(map(len, sent.split(b"\r\n"))) < 998
    assert not re.search(rb"[^\r]\n|\r[^\n]", sent)


def test_a_message_is_the_same_when_it_is_built_again_but_for_its_boundaries(plain: Path) -> None:
    one, other = (message(plain, None) for _ in range(2))
    boundary = rb"={10,}\d+=="
    assert re.sub(boundary, b"", one) == re.sub(boundary, b"", other)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\r\nBcc: x@example.org", "a  Bcc: x@example.org"),
        ("a\nb", "a b"),
        ("a\0b", "a b"),
        ("a\u2028b", "a b"),
        ("\u202egro.elpmaxe", "gro.elpmaxe"),
        ("Con\u200bto\u00adso\ufeff", "Contoso"),
        ("a@example.org", "a@example.org"),
        ("=?utf-8?q?x=40example.org?=", "= ?utf-8?q?x=40example.org?="),
        ("Con\ud800toso", "Contoso"),
        ("\u200b\n", "1"),
    ],
)
def test_no_name_of_a_partner_makes_a_header_and_none_keeps_mail_back(
    name: str, shown: str, plain: Path
) -> None:
    data = without_page(read_report(plain / "notebooks"), partner_name=name)
    read = parsed(data)
    assert str(read["Subject"]) == f"{shown}: Kunder, jan. 2025 – juni 2025"
    assert read.keys() == parsed(without_page(read_report(plain / "notebooks"))).keys()
    assert read["Bcc"] is None
    assert told(read).startswith(" ".join(shown.split()))


@pytest.mark.parametrize("name", ["n" * 5000, "é" * 5000, 'O"Neil, <b> (x); y: \\', "王" * 90])
def test_any_other_name_is_read_as_it_was_written(name: str, plain: Path) -> None:
    read = parsed(without_page(read_report(plain / "notebooks"), partner_name=name))
    shown, _, rest = str(read["Subject"]).rpartition(": Kunder")
    assert rest == ", jan. 2025 – juni 2025"
    assert shown == name if len(name) <= 80 else shown == f"{name[:79]}…"


@pytest.mark.parametrize("name", ['O"Neil, Bo (x); y: <z> \\', "Åsa, Öberg", "é" * 80, "n" * 60])
def test_a_persons_name_stays_one_mailbox(name: str, plain: Path) -> None:
    report = read_report(plain / "notebooks")
    envelope = replace(ENVELOPE, to=((name, "a@example.com"),))
    data = message_of(envelope, Enclosed(report, b"page")).as_bytes()
    assert [one.addr_spec for one in parsed(data)["To"].addresses] == ["a@example.com"]
    raw = message_from_bytes(data)["To"]  # the newer parser puts blanks into long names
    shown = str(make_header(decode_header(raw.strip()))).removesuffix(" <a@example.com>")
    unquoted = re.sub(r"\\(.)", r"\1", shown.removeprefix('"').removesuffix('"'))
    assert unquoted == name


# What it says


def test_the_plain_text_alone_tells_all_key_figures_as_the_report_does(
    sent: bytes, plain: Path
) -> None:
    text, words = told(parsed(sent)), Language("sv")
    summary = {row["metric"]: row for row in table(plain, "summary")}
    assert summary["current_customers"]["value"] == "1253"
    for name in (
        *("current_customers", "active_customers", "subscriptions"),
        *("customers_added", "customers_churned"),
    ):
        row = summary[name]
        growth = row["growth_pct"]
        shown = words.percent(float(growth), signed=True) if growth else UNKNOWN
        [line] = [line for line in text.splitlines() if line.startswith(words.name(name))]
        assert words.count(int(row["value"])) in line
        assert shown in line
    for name, columns in CHARTS.items():
        for row in table(plain, name):
            if row.get("product", "All") == "All":
                kinds = TABLES[name].columns
                cells = [words.cell(number(row[c], c), kinds[c]) for c in columns]
                lines = [" ".join(line.split()) for line in text.splitlines()]
                assert " ".join(" ".join(cells).split()) in lines
    assert "None" not in text
    assert "nan" not in text.lower().split()


def number(text: str, column: str) -> Any:
    """A value of a CSV file as it was in the table."""
    if text == "":
        return None
    return text if column in {"month", "customer_market"} else float(text)


def test_the_html_says_what_the_plain_text_says(plain: Path) -> None:
    """Without pictures, so that both have all the tables."""
    read = parsed(message(plain, None))
    html = " ".join(" ".join(_Html(told(read, "html")).texts).split())
    report = contents_of(read_report(plain / "notebooks"), Language("sv"))
    for texts in (told(read).split(), html.split()):
        said = " ".join(texts)
        for figure in report.figures:
            assert all(" ".join(t.split()) in said for t in (figure.name, figure.value))
        for change in report.changes:
            assert " ".join(change.split()) in said
    assert len(report.changes) == 5


def test_what_cannot_be_known_is_a_dash(plain: Path) -> None:
    report = read_report(plain / "notebooks")
    figure = {f.name: f for f in contents_of(report, Language("en")).figures}
    summary = {row["metric"]: row for row in table(plain, "summary")}
    assert summary["customers_churned"]["growth_pct"] == ""
    assert figure["Customers churned"].growth == UNKNOWN
    read = parsed(without_page(report))
    for text in (told(read), told(read, "html")):
        assert UNKNOWN in text
        assert not re.search(r"\b(None|nan|NaN|null|inf)\b", text)


@pytest.mark.parametrize(("added", "churned"), [("good", "bad"), ("bad", "good")])
def test_more_churn_is_bad(added: str, churned: str, plain: Path) -> None:
    report = read_report(plain / "notebooks")
    table = report.tables()["summary"]
    for row in table["rows"]:
        row[table["columns"].index("growth_pct")] = 5.0 if added == "good" else -5.0
    tones = {f.name: f.tone for f in contents_of(report, Language("en")).figures}
    assert (tones["Customers added"], tones["Customers churned"]) == (added, churned)


# Plain text


def of_report_viewer(report: Report) -> Report:
    """What is left of a report for those who see no single customers."""
    seen = [s for s in report.sections if not any(c.name == "customers" for c in s.cards)]
    assert len(seen) < len(report.sections)
    return replace(report, sections=seen)


@pytest.mark.parametrize("locale", LOCALES)
def test_no_line_is_wider_than_78_columns_but_a_link(
    locale: str, plain: Path, hostile: Path
) -> None:
    link = f"https://example.com/{'long/' * 30}"
    for folder in (plain, hostile):
        whole = read_report(folder / "notebooks")
        for report in (whole, of_report_viewer(whole)):
            files = {"pdf": b"", "xlsx": b""}
            name = "王国 " * 19 if folder is hostile else "1"
            other = replace(report, facts={**report.facts, "locale": locale, "partner_name": name})
            linked = message_of(ENVELOPE, Enclosed(other, b"page", link, files=files))
            lines = told(parsed(linked.as_bytes())).splitlines()
            assert lines.count(link) == 1
            assert len(lines) > 40
            assert [line for line in lines if width(line) > WIDEST == 78 and line != link] == []
            assert not [line for line in lines if line != line.rstrip()]


def test_numbers_stand_below_each_other_and_names_wrap_at_words() -> None:
    rows = [("Market", "Customers", "Share of current"), ("Oslo", "1", "0.1 %")]
    rows += [("the lands of the longest name that ever was, and of its many islands", "999", "–")]
    assert grid(rows).splitlines() == [
        "                                                                      Share of",
        "Market                                                     Customers   current",
        "Oslo                                                               1     0.1 %",
        "the lands of the longest name that ever was, and of its",
        "many islands                                                     999         –",
    ]
    assert wrapped("王" * 40).splitlines() == ["王" * 39, "王"]
    assert wrapped("a b", "- ", widest=3).splitlines() == ["- a", "  b"]


# HTML


def test_the_html_is_small_and_takes_nothing_from_elsewhere(
    sent: bytes, hostile_sent: bytes
) -> None:
    for data in (sent, hostile_sent):
        html = told(parsed(data), "html")
        assert len(html.encode()) < LONGEST_HTML == 90_000
        read = _Html(html)
        names = {name for name, _ in read.tags}
        assert not names & {"script", "link", "iframe", "object", "form", "svg", "base"}
        for _, attributes in read.tags:
            assert not [name for name in attributes if name.startswith("on")]
            places = [attributes.get(name) or "" for name in ("src", "href", "background")]
            assert all(place == "" or place.startswith("cid:") for place in places)
        assert "url(" not in html
        assert "@import" not in html


def test_styles_stand_at_their_elements_but_for_dark_mode(sent: bytes) -> None:
    html = told(parsed(sent), "html")
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style.strip().startswith("@media (prefers-color-scheme: dark)")
    assert style.count("@media") == 1
    outside = style.partition("{")[2].rpartition("}")[0]
    assert "{" in outside
    assert style.rstrip().endswith("}")
    assert all("style" in attributes for attributes in _Html(html).of("td"))


def test_pictures_and_their_places_fit_and_have_words(sent: bytes, hostile_sent: bytes) -> None:
    # The hostile report has no usage.
    for data, charts in ((sent, len(CHARTS)), (hostile_sent, len(CHARTS) - 1)):
        read = parsed(data)
        images = _Html(told(read, "html")).of("img")
        parts = [part for part in read.walk() if part.get_content_type() == "image/png"]
        cids = [f"cid:{str(part['Content-ID']).strip('<>')}" for part in parts]
        assert sorted(cids) == sorted(str(image["src"]) for image in images)
        assert len(set(cids)) == charts
        for image in images:
            assert 15 < len(str(image["alt"])) < 400
        for part in parts:
            png = bytes(part.get_payload(decode=True))
            assert png.startswith(b"\x89PNG")
            assert 5_000 < len(png) < 300_000


def test_text_browsers_read_each_sentence_once(sent: bytes, plain: Path) -> None:
    """Of the message and of the report, as their HTML is without pictures and scripts."""
    page = (plain / "report.html").read_text(encoding="utf-8")
    for html, least in ((told(parsed(sent), "html"), 8), (page, 3)):
        lines = [text for tag, text in _Read(html).lines if tag not in {"td", "th"}]
        sentences = [text for text in lines if text.endswith((".", ":"))]
        assert len(sentences) >= least
        for sentence in sentences:
            assert sum(sentence in line for line in lines) == 1, sentence


def test_the_language_is_told_and_its_words_are_used(sent: bytes) -> None:
    html = told(parsed(sent), "html")
    assert '<html lang="sv">' in html
    for text in ("Nuvarande kunder", "Vad som har ändrats", "Diagram: ", "Produkt"):
        assert text in html
    for english in ("Customers", "Growth", "attached", "Chart:", "Key figures"):
        assert english not in html
        assert english not in told(parsed(sent))


def test_texts_from_data_stay_texts(hostile_sent: bytes, hostile: Path) -> None:
    read = parsed(hostile_sent)
    html = _Html(told(read, "html"))
    assert not html.of("b")
    assert not html.of("a")
    assert any(HOSTILE[0][:20] in text for text in html.texts), "it is not shown at all"
    assert not set("\u2028\u202e\0") & {*told(read, "html"), *told(read)}
    assert len(table(hostile, "geographical_spread")) > 10_000
    assert len(told(read)) < 20_000


def test_a_text_from_data_makes_no_line_of_its_own(plain: Path) -> None:
    report = read_report(plain / "notebooks")
    report.tables()["summary_products"]["rows"][0][0] = "x\r\n\r\nPay here: \u202e\0"
    read = parsed(without_page(report))
    assert re.search(r"^x Pay here: ", told(read), re.MULTILINE)
    assert not [line for line in told(read).splitlines() if line.startswith("Pay here")]
    assert not set("\0\u202e") & set(told(read, "html"))


def test_a_message_that_would_be_cut_off_is_not_made(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insights_lib.mail import message as module  # noqa: PLC0415 - to change a limit of it

    monkeypatch.setattr(module, "LONGEST_HTML", 1000)
    with pytest.raises(MailError, match="more than 1,000 bytes"):
        message(plain, None)


def test_many_warnings_are_cut(plain: Path) -> None:
    report = read_report(plain / "notebooks")
    read = parsed(without_page(report, warnings=["\n<b>" + "é" * 5000] * 1000))
    assert len(told(read, "html").encode()) < LONGEST_HTML
    assert not _Html(told(read, "html")).of("b")


# Pictures


def size(picture: Picture) -> tuple[int, int]:
    return picture.width, picture.height


def test_pictures_are_as_wide_as_a_message_and_the_map_is_among_them(
    plain: Path, drawn: Pictures
) -> None:
    taken = drawn.of(plain / "report.html", CHARTS)
    assert list(taken) == list(CHARTS)
    for picture in taken.values():
        width, height = size(picture)
        assert 450 < width <= 600
        assert 150 < height < 700
    assert "Norway" in taken["geographical_spread"].sentence or (
        "Sweden" in taken["geographical_spread"].sentence
    )


def test_the_map_has_countries_without_a_network(plain: Path, drawn: Pictures) -> None:
    """A map without its shapes would be one colour; a PNG of one colour is small."""
    sea = len(drawn.of(plain / "report.html", ["geographical_spread"])["geographical_spread"].png)
    assert sea > 30_000


def test_a_browser_that_dies_costs_one_report_its_pictures(
    plain: Path, tmp_path: Path, drawn: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn.browser._started().close()
    first = copy_of(plain / "report.html", tmp_path)
    assert list(drawn.of(first, CHARTS)) == list(CHARTS), "one that is dead already is replaced"
    browser = drawn.browser._started()

    class Dies:
        def __init__(self, name: str, *_: object) -> None:
            self.name = name
            browser.close()

    monkeypatch.setattr("insights_lib.mail.pictures.Picture", Dies)
    second = copy_of(first, tmp_path)
    assert drawn.of(second, CHARTS) == {}
    monkeypatch.undo()
    third = copy_of(second, tmp_path)
    assert list(drawn.of(third, CHARTS)) == list(CHARTS)


def copy_of(page: Path, folder: Path) -> Path:
    """A page that looks the same, and is another one."""
    copy = folder / "report.html"
    copy.write_bytes(page.read_bytes() + b"\n")
    return copy


def test_pictures_are_drawn_once_for_a_page(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []
    with closing(Pictures()) as taken:
        taken.browser.program = "chromium"

        def draw(page: Path, names: tuple[str, ...]) -> dict[str, Picture]:
            drawn.append(page)
            return {}

        monkeypatch.setattr(taken, "_draw", draw)
        page, other = plain / "report.html", copy_of(plain / "report.html", tmp_path)
        for one in (page, page, other, page, other):
            taken.of(one, CHARTS)
        assert drawn == [page, other]
        page.touch()
        taken.of(page, CHARTS)
        assert len(drawn) == 2
        taken.of(copy_of(other, tmp_path), CHARTS)
        assert len(drawn) == 3, "a page that was made again is drawn again"


def test_the_browser_and_its_driver_are_not_told_what_they_do_not_need(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"INSIGHTS_SMTP_PASSWORD": "s3cret-1", "AWS_SECRET_ACCESS_KEY": "s3cret-2"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)

    def drawn_apart() -> list[tuple[str, bytes]]:
        found = []
        with closing(Pictures()) as taken:
            assert taken.of(plain / "report.html", CHARTS)
            for process in descendants(os.getpid()):
                with suppress(OSError):  # one that has just ended
                    folder = Path(f"/proc/{process}")
                    program = (folder / "exe").readlink().name
                    found.append((program, (folder / "environ").read_bytes()))
        return found

    with ThreadPoolExecutor(1) as thread:  # a thread can have one Playwright
        found = thread.submit(drawn_apart).result(timeout=120)
    assert {"node", "chromium"} <= {program for program, told in found if b"PATH=" in told}
    assert not [program for program, told in found if b"s3cret" in told]
    for name, value in secrets.items():
        assert os.environ[name] == value


def descendants(process: int) -> set[int]:
    """The processes below one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
    below: set[int] = set()
    while more := {p for p, above in parents.items() if above in below | {process}} - below:
        below |= more
    return below


def test_a_page_without_the_charts_has_no_pictures(
    tmp_path: Path, drawn: Pictures, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insights_lib.mail import pictures as module  # noqa: PLC0415 - to change a limit of it

    monkeypatch.setattr(module, "_PATIENCE", 200)
    (tmp_path / "report.html").write_text("<html data-ready>", encoding="utf-8")
    assert drawn.of(tmp_path / "report.html", CHARTS) == {}
    monkeypatch.undo()
    assert drawn.of(plain / "report.html", CHARTS)


# Seen

CORNER = """async png => {
  const blob = await (await fetch(`data:image/png;base64,${png}`)).blob();
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(await createImageBitmap(blob), -1, -1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""  # the colour of a pixel near the corner of a picture


def with_pictures(message: EmailMessage) -> str:
    """The HTML of a message as a mail program shows it, with the pictures that it brings."""
    html = told(message, "html")
    for part in message.walk():
        if part.get_content_type() == "image/png":
            png = base64.b64encode(bytes(part.get_payload(decode=True))).decode()
            cid = str(part["Content-ID"]).strip("<>")
            html = html.replace(f"cid:{cid}", f"data:image/png;base64,{png}")
    return html


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [600, 360])
def test_a_message_fits_a_phone_and_can_be_read_in_the_dark(
    width: int, scheme: str, sent: bytes, hostile_sent: bytes, drawn: Pictures
) -> None:
    for name, data in (("plain", sent), ("hostile", hostile_sent)):
        viewport = {"width": width, "height": 800}
        context = drawn.browser._started().new_context(
            viewport=viewport, color_scheme=scheme, offline=True
        )
        tab = context.new_page()
        tab.set_content(with_pictures(parsed(data)))
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        for picture in tab.locator(".picture img").all():
            corner = tab.evaluate(CORNER, base64.b64encode(picture.screenshot()).decode())
            ground = theme.DARK["card"] if scheme == "dark" else theme.LIGHT["card"]
            assert corner == pytest.approx([*bytes.fromhex(ground[1:])], abs=6)
        SCREENSHOTS.mkdir(exist_ok=True)
        tab.screenshot(path=SCREENSHOTS / f"mail-{name}-{width}-{scheme}.png", full_page=True)
        context.close()
