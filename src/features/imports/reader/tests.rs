use super::*;
use crate::features::imports::values::DateOrder;
use std::io::Write as _;

type Lines = Vec<(u64, Vec<String>)>;

fn path(bytes: &[u8]) -> tempfile::TempPath {
    let mut file = tempfile::NamedTempFile::new().unwrap_or_else(|e| panic!("{e}"));
    file.write_all(bytes).unwrap_or_else(|e| panic!("{e}"));
    file.into_temp_path()
}

/// Line, cells, problem.
type Found = Vec<(u64, Vec<String>, Option<String>)>;

fn rows(bytes: &[u8], overrides: &Overrides) -> Result<Found, FileProblem> {
    let mut rows = open(&path(bytes), overrides)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push((row.line, row.record.iter().map(str::to_owned).collect(), row.problem));
    }
    Ok(out)
}

fn read(bytes: &[u8]) -> Result<Lines, FileProblem> {
    Ok(rows(bytes, &Overrides::default())?.into_iter().map(|(line, cells, _)| (line, cells)).collect())
}

fn problems(bytes: &[u8]) -> Result<Vec<(u64, String)>, FileProblem> {
    let rows = rows(bytes, &Overrides::default())?;
    Ok(rows.into_iter().filter_map(|(line, _, problem)| Some((line, problem?))).collect())
}

fn shape(bytes: &[u8]) -> Result<FileShape, FileProblem> {
    sniff(&path(bytes), &Overrides::default())
}

#[test]
fn rows_know_their_lines() -> Result<(), FileProblem> {
    let rows = read(b"name;city\r\n\"two\nlines\";X\r\n\r\nlast;Y")?;
    assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(rows[0].1, ["two\nlines", "X"]);
    assert_eq!(read(b"sep=|\nname|city\na,b|c")?, [(3, vec!["a,b".into(), "c".into()])]);
    // Old Mac files end lines with a bare CR; empty lines count, at the start as well.
    let rows = read(b"\n\nname,city\r\ra,\"x\ry\"\r\rb,5\" pipe\r")?;
    assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [5, 8]);
    // However the file is cut into pieces as it is read.
    let long = [b"name,city\r\n".to_vec(), b"a,\"b\r\n\"\"c\"\r\n\r\n".repeat(30_000)].concat();
    let rows = read(&long)?;
    assert!(rows.iter().enumerate().all(|(n, row)| row.0 == 2 + 3 * n as u64 && row.1 == ["a", "b\r\n\"c"]));
    assert_eq!(rows.len(), 30_000);
    Ok(())
}

#[test]
fn what_cannot_be_read_safely_is_refused_by_line() {
    let line = |bytes: &[u8]| read(bytes).err().map(|p| p.line);
    assert_eq!(line(b""), Some(None));
    assert_eq!(line(b"name,city\na,\"b\nc,d\ne,f\n"), Some(Some(2)));
    assert_eq!(line(b"name,city\n\n\na,b\n\n\"c,d\ne,f"), Some(Some(6)));
    // Closed by the opening quote of a later row: what lies between is no cell.
    assert_eq!(line(b"name,city\n\"a\",\"b\n\"c\",\"d\"\n"), Some(Some(2)));
    let endless = [b"name,city\na,b\nc,\"".to_vec(), b"x\n".repeat(2_000)].concat();
    assert_eq!(line(&endless), Some(Some(3)));
    let wide = [b"name,city\na,\"".to_vec(), vec![b'x'; 9 * 1024 * 1024], b"\"\n".to_vec()].concat();
    assert_eq!(line(&wide), Some(Some(2)));
    let wide = [b"name,city\r\n\r\na,\"".to_vec(), b"x\r\n".repeat(3 * 1024 * 1024)].concat();
    assert_eq!(line(&wide), Some(Some(3)));
    // A byte that is none of the encoding's, far behind the first chunk; a NUL; a mark that lies.
    let late = [b"name,city\n".to_vec(), "é,b\n".as_bytes().repeat(30_000), b"\xFF,c\n".to_vec()].concat();
    assert_eq!(line(&late), Some(Some(30_002)));
    assert_eq!(line(b"name,city\na,b\nc\0,d\n"), Some(Some(3)));
    assert_eq!(line(b"\xFF\xFEname,city\na,b\n"), Some(Some(1)));
    assert_eq!(line(b"%PDF-1.7 name"), Some(Some(1)));
}

#[test]
fn rows_that_are_not_whole_are_told_by_line() -> Result<(), FileProblem> {
    let found = problems(b"name,city,zip\na,\"b,1\nc,d\",2\ne,f\ng,h,i,j\nk,l,m,,\nTotal,,12\n")?;
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 4, 5, 7], "{found:?}");
    assert!(found[0].1.contains("lines 2 to 3 were read as one row"));
    assert!(found[3].1.contains("total"));
    let short = problems(b"name,city,zip\na,b,1\nc,\"d,2\ne,f,3\ng,h,4\n\"\nk,l,m\n")?;
    assert!(short[0].1.starts_with("has 2 columns, the header has 3: lines 3 to 6"), "{short:?}");
    // A note of several lines is none of that.
    assert_eq!(problems(b"name,city,notes\na,b,\"hello, you\nand, you, there\"\nTotal Gas,Paris,\n")?, []);
    // Nor is a comma in an address, where delimiters have no space behind them.
    let loose = b"name,street,city\nann,24, rue Royale,Nantes\nbob,1, High St,Ely\ncy,Lane 3,Rye\nd,e,f,g\n";
    let found = rows(loose, &Overrides::default())?;
    assert_eq!(
        found.iter().filter(|(.., problem)| problem.is_some()).count(),
        3,
        "one row is not to be mended: none is"
    );
    let found = rows(&loose[..loose.len() - 8], &Overrides::default())?;
    assert_eq!(found[0].1, ["ann", "24, rue Royale", "Nantes"]);
    assert!(found.iter().all(|(.., problem)| problem.is_none()), "{found:?}");
    // A writer that leaves empty cells out does so everywhere.
    assert_eq!(problems(b"name,city,zip\na\nb,c\nd,e,f\n")?, []);
    Ok(())
}

#[test]
fn shapes_are_found_and_told() -> Result<(), FileProblem> {
    let found = shape(b"Customers of 2026\nas of May\n\nName;City;City;\nAnn;K\xF6ln;1;x\nBob;NULL;NULL;\n")?;
    assert_eq!((found.header_row, found.delimiter, found.encoding.as_str()), (4, Some(';'), "windows-1252"));
    assert_eq!(found.columns, ["Name", "City", "City", ""]);
    assert_eq!(found.empty_words, ["NULL"]);
    assert_eq!(found.first_rows[1].cells, ["Bob", "", "", ""]);
    let told: Vec<String> = found.warnings.iter().map(Warning::message).collect();
    for part in
        ["above them (lines 1 to 2)", "2 columns are called “City”", "column 4 has no heading", "“NULL” is read"]
    {
        assert!(told.iter().any(|t| t.contains(part)), "{part}: {told:?}");
    }
    // Read again as it was shown, it is the same.
    let file = path(b"Name\tSeen on\r\nAnn\t03/04/2026\nBob\t13/04/2026\r\n");
    let found = sniff(&file, &Overrides::default())?;
    assert_eq!(sniff(&file, &found.overrides())?, found.clone_with_warnings_of(&sniff(&file, &found.overrides())?));
    assert_eq!(found.delimiter, Some('\t'));
    assert_eq!(found.formats[1].date_order, Some(DateOrder::DayFirst));
    assert!(
        found.warnings.iter().any(|w| w.what.contains("line ends are mixed") && w.line == Some(2)),
        "{:?}",
        found.warnings
    );
    // No headings at all; and said to be so.
    let found = shape(b"ann@x.test,12\nbob@x.test,13\n")?;
    assert_eq!((found.header_row, &found.columns[..]), (0, &["Column 1".to_owned(), "Column 2".to_owned()][..]));
    let overrides = Overrides { header_row: Some(0), delimiter: Some('^'), ..Overrides::default() };
    assert_eq!(rows(b"name^city\na^b\n", &overrides)?.len(), 2);
    let found = shape(b"'name','city'\n'a, b','c'\n'd','e'\n")?;
    assert_eq!((found.quote, found.columns.len()), (Some('\''), 2));
    Ok(())
}

impl FileShape {
    /// What is told of a guess is not told of a choice.
    fn clone_with_warnings_of(&self, other: &FileShape) -> FileShape {
        FileShape { warnings: other.warnings.clone(), ..self.clone() }
    }
}

#[test]
fn cards_are_rows() -> Result<(), FileProblem> {
    let text = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=\r\n=B6rg;;;\r\n\
        TEL;WORK;FAX:1\r\nTEL;CELL:2\r\nPHOTO;ENCODING=BASE64;JPEG:/9j/4AAQ\r\n AAAA\r\n\r\nORG:Acme;Sales\r\nEND:VCARD\r\n\
        stray\r\n\
        BEGIN:VCARD\nVERSION:3.0\nFN:Cut off\n\
        BEGIN:VCARD\nVERSION:4.0\nFN:Ann\\, B\nEMAIL;TYPE=home:h@x.test\nEMAIL;PREF=1:w@x.test\nTEL;VALUE=uri:tel:+31-20;ext=5\n\
        ADR;TYPE=work:;;Street 1;City;;1000;Nederland\nNOTE:a\\nb\nNOTE:long\n er\nCATEGORIES:x,y\nEND:VCARD\n";
    let found = rows(text.as_bytes(), &Overrides::default())?;
    let lines: Vec<(u64, bool)> = found.iter().map(|(line, _, problem)| (*line, problem.is_some())).collect();
    assert_eq!(lines, [(1, false), (12, true), (13, true), (16, false)], "{found:?}");
    let cell = |row: usize, name: &str| {
        let at = card::COLUMNS.iter().position(|c| *c == name).unwrap_or_default();
        found[row].1[at].clone()
    };
    let first: Vec<String> =
        ["First name", "Last name", "Phone", "Fax and pager", "Company", "Department"].map(|c| cell(0, c)).to_vec();
    assert_eq!(first, ["Jörg", "Müller", "2", "1", "Acme", "Sales"]);
    let last: Vec<String> =
        ["Full name", "E-mail", "Other e-mails", "Phone", "Street", "Country", "Notes", "Categories"]
            .map(|c| cell(3, c))
            .to_vec();
    let expected =
        ["Ann, B", "w@x.test", "h@x.test", "+31-20 ext. 5", "Street 1", "Nederland", "a\nb\nlonger", "x ::: y"];
    assert_eq!(last, expected);
    Ok(())
}

#[test]
fn sheets_are_rows() -> Result<(), Box<dyn std::error::Error>> {
    use rust_xlsxwriter::{ExcelDateTime, Format as Look, Workbook};
    let mut book = Workbook::new();
    book.add_worksheet().set_name("Empty")?;
    let sheet = book.add_worksheet().set_name("People")?;
    sheet.write(0, 0, "Our list")?;
    for (column, heading) in ["Name", "Since", "Amount", "Active", "Chance", "Phone"].into_iter().enumerate() {
        sheet.write(2, column as u16, heading)?;
    }
    let day = ExcelDateTime::from_ymd(2026, 2, 28)?;
    sheet.write(3, 0, "Zoë")?;
    sheet.write_datetime_with_format(3, 1, &day, &Look::new().set_num_format("dd/mm/yyyy"))?;
    sheet.write(3, 2, 1234.567)?;
    sheet.write(3, 3, true)?;
    sheet.write_with_format(3, 4, 0.35, &Look::new().set_num_format("0%"))?;
    sheet.write(5, 0, "Bob")?;
    sheet.write_datetime_with_format(
        5,
        1,
        ExcelDateTime::from_ymd(2026, 2, 28)?.and_hms(14, 30, 0)?,
        &Look::new().set_num_format("dd/mm/yyyy hh:mm"),
    )?;
    sheet.write(5, 5, 31_201_234_567u64)?;
    sheet.write_formula(6, 0, rust_xlsxwriter::Formula::new("=1/0").set_result("#DIV/0!"))?;
    let bytes = book.save_to_buffer()?;
    let file = path(&bytes);
    let found = sniff(&file, &Overrides::default()).map_err(|p| p.message())?;
    assert_eq!((found.sheets.join(","), found.sheet.clone()), ("Empty,People".into(), Some("People".into())));
    assert_eq!((found.header_row, found.columns[1].as_str()), (3, "Since"));
    let cells: Vec<(u64, String)> = found.first_rows.iter().map(|r| (r.line, r.cells.join("|"))).collect();
    assert_eq!(cells[0], (4, "Zoë|2026-02-28|1234.5670|true|35%|".into()));
    assert_eq!(cells[1], (6, "Bob|2026-02-28T14:30:00||||31201234567".into()));
    assert!(
        found.first_rows[2].problem.as_ref().is_some_and(|p| p.contains("A7") && p.contains("#DIV/0!")),
        "{:?}",
        found.first_rows
    );
    let told = Overrides { sheet: Some("None".into()), ..Overrides::default() };
    assert!(sniff(&file, &told).is_err_and(|p| p.what.contains("no sheet called “None”")));
    // Cut off, and no workbook at all.
    assert!(shape(&bytes[..bytes.len() - 30]).is_err());
    assert!(shape(b"PK\x03\x04nothing").is_err());
    assert!(shape(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1").is_err_and(|p| p.what.contains("password")));
    Ok(())
}
