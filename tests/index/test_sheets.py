"""Spreadsheets: rows of tables, and what stands around them."""

import io
import zipfile
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest
from openpyxl.comments import Comment

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.sheet_formats import show_by
from sakuin.index.readers.source import Source
from tests.index.samples import OLD_SHEET, sheet_file


def items(data: bytes, name: str = "a.xlsx") -> list[Document | Skipped]:
    return list(read_source(Source(uri=name, data=data)))


def texts(data: bytes, name: str = "a.xlsx") -> dict[str, str]:
    found = {}
    for item in items(data, name):
        assert isinstance(item, Document)
        found[item.id.removeprefix(f"{name}#")] = item.text
    return found


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_rows_of_a_table_are_documents_with_their_columns() -> None:
    rows = [
        ["売上一覧"],
        ["作成日", date(2024, 5, 1)],
        [],
        ["品名", "金額", "日付"],
        ["りんご", 1200, date(2024, 5, 1)],
        ["みかん", 300.5, datetime(2024, 5, 2, 9, 30)],
    ]
    sheet, first, second = items(sheet_file(("売上", rows)))
    assert isinstance(sheet, Document)
    assert (sheet.id, sheet.text) == ("a.xlsx#売上", "売上一覧\n作成日 | 2024-05-01")
    assert isinstance(first, Document)
    assert first.id == "a.xlsx#売上!5"
    assert first.title == "りんご"
    assert first.text == "品名: りんご\n金額: 1200\n日付: 2024-05-01"
    assert first.metadata == {"sheet": "売上", "row": 5, "品名": "りんご", "金額": "1200", "日付": "2024-05-01"}
    assert isinstance(second, Document)
    assert second.text.endswith("金額: 300.5\n日付: 2024-05-02 09:30")


def test_a_column_of_texts_is_the_text() -> None:
    (document,) = items(sheet_file(("質問", [["ID", "件名", "本文"], ["q1", "VPN", "つながりません。"]])))
    assert isinstance(document, Document)
    assert (document.title, document.text) == ("VPN", "つながりません。")
    assert document.metadata == {"sheet": "質問", "row": 2, "ID": "q1"}


def test_a_form_is_one_document() -> None:
    rows = [["申請書"], ["氏名", "山田"], ["部署", "営業"], ["理由", "出張のため"]]
    assert texts(sheet_file(("申請", rows))) == {"申請": "申請書\n氏名 | 山田\n部署 | 営業\n理由 | 出張のため"}


def test_merged_cells_count_for_each_row_and_names_of_two_rows_are_joined() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "二段"
    for row in (["店", "2024年度", None], [None, "上期", "下期"], ["東京", 1, 2], [None, 3, 4]):
        sheet.append(row)
    for cells in ("A1:A2", "B1:C1", "A3:A4"):
        sheet.merge_cells(cells)
    assert texts(saved(book)) == {
        "二段!3": "店: 東京\n2024年度 上期: 1\n2024年度 下期: 2",
        "二段!4": "店: 東京\n2024年度 上期: 3\n2024年度 下期: 4",
    }


def test_two_tables_in_one_sheet_and_a_blank_row_in_one() -> None:
    rows = [["品名", "数"], ["ペン", 3], [], ["紙", 5], [], ["氏名", "年齢"], ["山田", 31], ["佐藤", 42]]
    assert texts(sheet_file(("表", rows))) == {
        "表!2": "品名: ペン\n数: 3",
        "表!4": "品名: 紙\n数: 5",
        "表!7": "氏名: 山田\n年齢: 31",
        "表!8": "氏名: 佐藤\n年齢: 42",
    }


def test_values_are_shown_as_people_see_them() -> None:
    values = [True, 3.0, 0.1, "00123", time(9, 5), timedelta(hours=30, minutes=5), datetime(2024, 5, 1)]
    (text,) = texts(sheet_file(("値", [["値", *values]]))).values()
    assert text == "値 | TRUE | 3 | 0.1 | 00123 | 09:05 | 30:05 | 2024-05-01"


def test_comments_and_text_boxes_are_read() -> None:
    book = openpyxl.Workbook()
    book.active.title = "図"
    book.active["A1"] = "本文"
    book.active["A1"].comment = Comment("要確認の印", "山田")
    drawing = (
        '<d xmlns:a="urn:a"><cNvPr descr="配置図"/><a:p><a:r><a:t>箱の</a:t></a:r><a:r><a:t>言葉</a:t></a:r></a:p></d>'
    )
    old = saved(book)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(old)) as archive, zipfile.ZipFile(out, "w") as new:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "xl/worksheets/_rels/sheet1.xml.rels":
                link = b'<Relationship Id="rId77" Type="x/drawing" Target="../drawings/drawing9.xml"/></Relationships>'
                data = data.replace(b"</Relationships>", link)
            new.writestr(name, data)
        new.writestr("xl/drawings/drawing9.xml", drawing)
    assert texts(out.getvalue()) == {"図": "本文\n要確認の印\n配置図\n箱の言葉"}


def test_old_files_and_tables_that_only_call_themselves_excel() -> None:
    assert texts(OLD_SHEET, "a.xls") == {
        "請求!2": "品名: 見積作成\n金額: 1200\n日付: 2024-05-01",
        "請求!3": "品名: 点検\n金額: 80.5\n日付: 2024-05-03",
    }
    page = "<html><meta charset=shift_jis><table><tr><td>品名<td>りんご</table>".encode("cp932")
    assert list(texts(page, "a.xls").values()) == ["品名 | りんご"]
    assert texts("品名\t金額\nりんご\t1200\n".encode("cp932"), "a.xls") == {"row=1": "品名: りんご\n金額: 1200"}


@pytest.mark.parametrize("content", [b"PK\3\4 no archive", OLD_SHEET[:600], b"\0" * 99])
def test_what_is_no_spreadsheet_is_refused(content: bytes) -> None:
    with pytest.raises(ReadError):
        items(content)


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    out = io.BytesIO(sheet_file())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b" " * 60_000_000)
    with pytest.raises(ReadError, match="unpacks to"):
        items(out.getvalue())


def test_a_file_that_names_a_cell_far_away_takes_no_room_for_all_between() -> None:
    data = b'<worksheet><sheetData><row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sheet_file())) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name == "xl/worksheets/sheet1.xml" else old.read(name))
    with pytest.raises(ReadError, match="more than 10,000,000 cells"):
        items(out.getvalue())
    cell = '<table:table-cell office:value-type="string" table:number-columns-repeated="99999"/>'
    table = f'<table:table-row table:number-rows-repeated="99999">{cell}</table:table-row>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f"<x>{table}</x>")
    with pytest.raises(ReadError, match="more than 10,000,000 cells"):
        items(out.getvalue(), "a.ods")


def test_hidden_sheets_are_read_and_told() -> None:
    book = openpyxl.Workbook()
    book.active.title = "表"
    book.active.append(["見える言葉"])
    for name, state in (("控え", "hidden"), ("奥", "veryHidden")):
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        for row in [["品名", "金額"], ["見積作成", 1200], ["点検", 80]]:
            sheet.append(row)
    found = {item.id: item.metadata.get("hidden") for item in read_source(Source(uri="a.xlsx", data=saved(book)))}
    assert found == {
        "a.xlsx#表": None,
        **{f"a.xlsx#{name}!{row}": True for name in ("控え", "奥") for row in (2, 3)},
    }


def test_numbers_are_shown_as_other_words_where_excel_does() -> None:
    book = openpyxl.Workbook()
    formats = {
        "0%": 0.15,
        "0.0%": -0.125,
        "00000": 123,
        "000-0000": 1000001,
        '"No."0000': 42,
        "#,##0": 1200,
        "00": True,
    }
    for column, (code, value) in enumerate(formats.items(), 2):
        cell = book.active.cell(3, column, value)
        cell.number_format = code
    (document,) = read_source(Source(uri="a.xlsx", data=saved(book)))
    assert document.text == "15% | -12.5% | 00123 | 100-0001 | No.0042 | 1200 | TRUE"


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("[Red]00000;[Blue]-00000", 7, "00007"),
        ("[Red]00000", -7, "-7"),
        ("000", 12345, "12345"),
        ('\\A000"番"', 3, "A003番"),
        ("_ * 000_ ", 8, "008"),
        ("0.00 %", 0.5, "50.00 %"),
    ],
)
def test_forms_of_numbers(code: str, value: float, shown: str) -> None:
    show = show_by(code)
    assert show is not None
    assert show(value) == shown


@pytest.mark.parametrize(
    "code", ["General", "0", "0.00", "#,##0", "yyyy/mm/dd", "00:00", "0.00E+00", '0"個"', "0" * 200]
)
def test_other_numbers_are_left_as_they_are(code: str) -> None:
    assert show_by(code) is None


def xml_book(rows: str) -> bytes:
    name = "urn:schemas-microsoft-com:office:spreadsheet"
    table = f'<ss:Worksheet ss:Name="売上"><Table>{rows}</Table></ss:Worksheet>'
    return f'<?xml version="1.0"?><Workbook xmlns="{name}" xmlns:ss="{name}">{table}</Workbook>'.encode()


def xml_row(*cells: str, at: str = "") -> str:
    inner = "".join(f'<Cell><Data ss:Type="String">{cell}</Data></Cell>' for cell in cells)
    return f"<Row{at}>{inner}</Row>"


def test_the_xml_of_excel_2003_is_a_spreadsheet() -> None:
    far = '<Row ss:Index="4"><Cell><Data>みかん</Data></Cell><Cell ss:Index="3"><Data>7</Data></Cell></Row>'
    rows = xml_row("品名", "金額", "数") + xml_row("りんご", "100", "3") + far
    found = {item.id: item.text for item in items(xml_book(rows), "a.xls") if isinstance(item, Document)}
    assert found == {
        "a.xls#売上!2": "品名: りんご\n金額: 100\n数: 3",
        "a.xls#売上!4": "品名: みかん\n数: 7",
    }
    for wide in ('<Row ss:Index="1000000"><Cell ss:Index="16000"><Data>x</Data></Cell></Row>', "<Row>"):
        with pytest.raises(ReadError) as caught:
            items(xml_book(wide), "a.xls")
        assert caught.value.reason.code in ("sheet_too_large", "damaged_office")
    with pytest.raises(ReadError, match="no text"):
        items(xml_book(""), "a.xls")
