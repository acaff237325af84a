"""A month's statement on paper: PDF to sign and spreadsheet to reckon with, in the language of whoever asks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, Table

from bank import chart
from bank.shop import rules
from bank.shop.models import SettlementLine
from bank.shop.statements import Stated
from bank.shop.striking import Struck
from bank.web.i18n import gettext
from bank.web.pages import amount, local_minute

CHINESE, CODES = "STSong-Light", "Courier"
"""The reader brings the first, so that no font file is needed; the second is in every reader."""
INK = colors.HexColor("#7a1d15")
STARTS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
Value = str | int | Decimal
WIDTHS = (12 * mm, 24 * mm, 52 * mm, 14 * mm, 26 * mm, 34 * mm, 20 * mm)


def yuan(fen: int) -> str:
    """Write fen as yuan: `12.50`."""
    return f"{Decimal(fen) / 100:.2f}"


def heads() -> list[str]:
    """Name the columns of a statement."""
    return [
        gettext("序号"),
        gettext("券号"),
        gettext("换的是"),
        gettext("数量"),
        gettext("用了"),
        gettext("交付时间"),
        gettext("参考（元）"),
    ]


def facts_of(stated: Stated) -> list[tuple[str, str]]:
    """Give what stands above the lines: sums, the book's own figure, prices, and both sides."""
    one = stated.settlement
    nobody = gettext("按规则（到期没有提出不同意见）") if one.confirmed_at else gettext("还没有确认")
    values = [
        (gettext("社区"), stated.community),
        (gettext("店家"), stated.shop.name),
        (gettext("月份"), f"{one.month:%Y-%m}"),
        (gettext("券"), gettext("%(n)s 张券", n=one.vouchers)),
        (gettext("合计"), totals(one.minutes, one.points)),
        (gettext("账本记的"), totals(one.book_minutes, one.book_points)),
        (gettext("参考金额（元）"), yuan(one.value_fen)),
        *_due(stated),
        (gettext("参考价"), prices(one.hour_fen, one.point_fen)),
        (gettext("店家确认"), stated.provider or nobody),
        (gettext("社区确认"), stated.community_person or nobody),
    ]
    if one.paid_on:
        values.append((gettext("结清"), f"{one.paid_on.isoformat()} {stated.settled_by} {one.note}".strip()))
    return values


def _due(stated: Stated) -> list[tuple[str, str]]:
    """Say what is left to settle, where something comes off."""
    if not stated.struck:
        return []
    minutes, points, fen = stated.due
    return [(gettext("更正后应结"), totals(minutes, points)), (gettext("更正后参考金额（元）"), yuan(fen))]


def totals(minutes: int, points: int) -> str:
    """Say sums in both units, without the one that is nothing."""
    both = ((minutes, chart.MINUTES), (points, chart.POINTS))
    return gettext("、").join(amount(value, unit) for value, unit in both if value) or amount(0, chart.MINUTES)


def prices(hour_fen: int, point_fen: int) -> str:
    """Say what an hour and a point are reckoned at."""
    return gettext("1 小时 %(hour)s 元，1 积分 %(point)s 元", hour=yuan(hour_fen), point=yuan(point_fen))


def pdf(stated: Stated, lines: Sequence[SettlementLine]) -> bytes:
    """Draw the statement on A4: every code, the sums, and two lines to sign on. The same statement, the same bytes."""
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    out = io.BytesIO()
    title = gettext("%(shop)s %(month)s 对账单", shop=stated.shop.name, month=f"{stated.settlement.month:%Y-%m}")
    page = SimpleDocTemplate(
        out, pagesize=A4, title=title, margin=15 * mm, topMargin=15 * mm, bottomMargin=18 * mm, invariant=1
    )
    story = [
        Paragraph(
            _plain(title), ParagraphStyle("head", fontName=CHINESE, fontSize=18, leading=26, alignment=TA_CENTER)
        ),
        Spacer(0, 4 * mm),
        _facts(facts_of(stated)),
        Spacer(0, 5 * mm),
        _lines(lines, stated.struck),
        Spacer(0, 8 * mm),
        _signatures(),
    ]
    page.build(story, onFirstPage=_foot, onLaterPages=_foot)
    return out.getvalue()


def _body(size: int = 10) -> ParagraphStyle:
    return ParagraphStyle("body", fontName=CHINESE, fontSize=size, leading=size * 1.4, wordWrap="CJK")


def _plain(text: str) -> str:
    """Write a text into a paragraph, whose markup it must not become."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _facts(facts: Sequence[tuple[str, str]]) -> Table:
    rows = [[Paragraph(_plain(cell), _body()) for cell in row] for row in facts]
    return Table(rows, colWidths=(38 * mm, 144 * mm), style=[("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.lightgrey)])


def _lines(lines: Sequence[SettlementLine], struck: Sequence[Struck]) -> LongTable:
    rows: list[list[object]] = [[Paragraph(_plain(head), _body(9)) for head in heads()]]
    for texts in (*(cells(line) for line in lines), *(struck_cells(one) for one in struck)):
        number, code, title, *rest = texts
        rows.append([number, code, Paragraph(_plain(title), _body(9)), *rest])
    style = [
        ("FONT", (0, 1), (-1, -1), CHINESE, 9),
        ("FONT", (1, 1), (1, -1), CODES, 9),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.lightgrey),
        ("LINEBELOW", (0, 0), (-1, 0), 1, INK),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("ALIGN", (6, 1), (6, -1), "RIGHT"),
    ]
    return LongTable(rows, colWidths=WIDTHS, repeatRows=1, style=style)


def struck_cells(one: Struck) -> list[str]:
    """Give what comes off a statement as a line below the others, in the order of `heads`."""
    assert one.line is not None  # noqa: S101 -- only what stood on a statement comes off one
    title = f"{one.line.title} ({local_minute(one.strike.handed_over_at)[:7]}: {one.strike.reason})"
    _, code, _, quantity, _, at, _ = cells(one.line)
    total = amount(-one.line.total, one.line.unit)
    return [gettext("更正"), code, title, f"-{quantity}", total, at, yuan(-one.line.value_fen)]


def cells(line: SettlementLine) -> list[str]:
    """Give a line as a statement says it, in the order of `heads`."""
    return [
        str(line.number),
        rules.show_code(line.code),
        line.title,
        str(line.quantity),
        amount(line.total, line.unit),
        local_minute(line.handed_over_at),
        yuan(line.value_fen),
    ]


def _signatures() -> Table:
    words = [gettext("店家签字："), gettext("社区签字："), gettext("日期：")]
    return Table([[Paragraph(_plain(word), _body(11)) for word in words]], colWidths=(66 * mm, 66 * mm, 50 * mm))


def _foot(canvas: Canvas, page: SimpleDocTemplate) -> None:
    canvas.setFont(CHINESE, 8)
    canvas.drawString(15 * mm, 10 * mm, gettext("参考价只用来对账，时长和积分不能换钱。钱不经过本系统。"))
    canvas.drawRightString(195 * mm, 10 * mm, str(page.page))


def spreadsheet(stated: Stated, lines: Sequence[SettlementLine]) -> bytes:
    """Write the statement as .xlsx: minutes and points in columns of their own, so that they can be summed."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)  # noqa: S101 -- a new workbook has one
    sheet.title = f"{stated.settlement.month:%Y-%m}"
    for row, (name, said) in enumerate(facts_of(stated), 1):
        _write(sheet, row, 1, name)
        _write(sheet, row, 2, said)
    first = sheet.max_row + 2
    names = heads()
    names[4:5] = [gettext("分钟"), gettext("积分")]
    for column, name in enumerate(names, 1):
        _write(sheet, first, column, name)
        sheet.cell(first, column).font = Font(bold=True)
    rows = [_values(line) for line in lines] + [_struck_values(one) for one in stated.struck]
    for row, values in enumerate(rows, first + 1):
        for place, one in enumerate(values, 1):
            _write(sheet, row, place, one)
        sheet.cell(row, len(values)).number_format = "0.00"
    for column, width in enumerate((14, 14, 32, 8, 10, 10, 20, 12), 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = sheet.cell(first + 1, 1)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _values(line: SettlementLine) -> list[Value]:
    """Give a line's cells: numbers stay numbers, with minutes and points apart."""
    minutes, points = (line.total, 0) if line.unit == chart.MINUTES else (0, line.total)
    at, code = local_minute(line.handed_over_at), rules.show_code(line.code)
    return [line.number, code, line.title, line.quantity, minutes, points, at, Decimal(line.value_fen) / 100]


def _struck_values(one: Struck) -> list[Value]:
    """Give what comes off as a line of its own, each number less than nothing."""
    assert one.line is not None  # noqa: S101 -- only what stood on a statement comes off one
    word, _, title, *_rest = struck_cells(one)
    _, code, _, quantity, minutes, points, at, value = _values(one.line)
    return [word, code, title, *(_less(number) for number in (quantity, minutes, points)), at, _less(value)]


def _less(number: Value) -> Value:
    return number if isinstance(number, str) else -number


def _write(sheet: Worksheet, row: int, column: int, value: str | int | Decimal) -> None:
    """Write a cell; a text stays a text, whatever it begins with, here and wherever it is saved to from here."""
    cell = sheet.cell(row, column)
    if not isinstance(value, str):
        cell.value = value
        return
    is_risky = value[:1] in STARTS_FORMULA
    cell.value = f"'{value}" if is_risky else value
    cell.data_type = "s"
    cell.alignment = Alignment(wrap_text=len(value) > 30, vertical="top")
