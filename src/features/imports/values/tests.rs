use super::*;
use chrono::{Datelike, NaiveDate, NaiveTime};
use proptest::prelude::*;
use rust_decimal::Decimal;

fn custom(locale: &str) -> Custom {
    Custom::new(Locale::from_tag(locale), chrono_tz::Europe::Amsterdam)
}

fn sql(kind: FieldKind, cell: &str) -> Result<String, String> {
    parse(kind, 255, cell, &custom("nl-NL"), Formats::default()).map(|v| v.sql)
}

#[test]
fn cells_as_other_programs_write_them() {
    for (kind, cell, kept) in [
        (FieldKind::Date, "2017-03-01", "2017-03-01"),
        (FieldKind::Date, "01/03/2017", "2017-03-01"),
        (FieldKind::Date, "12/31/2017", "2017-12-31"),
        (FieldKind::Date, "31.12.2017", "2017-12-31"),
        (FieldKind::Date, "1 Mar 2017", "2017-03-01"),
        (FieldKind::Date, "45631.0", "2024-12-05"),
        (FieldKind::Date, "2006-06-15T20:47:07.000Z", "2006-06-15"),
        (FieldKind::Percent, "50.0", "50"),
        (FieldKind::Percent, "35 %", "35"),
        (FieldKind::Integer, "1,200", "1200"),
        (FieldKind::Integer, "9395.0", "9395"),
        (FieldKind::Country, "Korea", "KR"),
        (FieldKind::Country, "deu", "DE"),
        (FieldKind::Country, "Panama", "PA"),
        (FieldKind::Country, "Philipines", "PH"),
        (FieldKind::Phone, "020 123 4567", "+31201234567"),
        (FieldKind::Emails, "A@x.nl ::: b@x.nl", "{\"a@x.nl\",\"b@x.nl\"}"),
        (FieldKind::Bool, "Yes", "true"),
        (FieldKind::Money, "1.234,50", "1234.5"),
    ] {
        assert_eq!(sql(kind, cell), Ok(kept.to_owned()), "{cell}");
    }
    let american = dates::date("03/01/2017", None, &custom("en-US")).map(|d| d.to_string());
    assert_eq!(american, Ok("2017-03-01".into()));
}

#[test]
fn what_cannot_be_right_is_refused() {
    for (kind, cell) in [
        (FieldKind::Date, "99999-01-01"),
        (FieldKind::Date, "31/02/2017"),
        (FieldKind::Percent, "101"),
        (FieldKind::Integer, "2.5"),
        (FieldKind::Money, "-3"),
        (FieldKind::Country, "Atlantis"),
        (FieldKind::Phone, "phone work"),
    ] {
        assert!(sql(kind, cell).is_err(), "{cell}");
    }
}

#[test]
fn other_languages_and_other_ways() {
    for (locale, cell, kept) in [
        ("de-DE", "1. März 2017", "2017-03-01"),
        ("de-DE", "01.03.17", "2017-03-01"),
        ("de-DE", "31.12.75 14:30", "1975-12-31"),
        ("fr-FR", "1er août 2026", "2026-08-01"),
        ("es-ES", "1 de marzo de 2017", "2017-03-01"),
        ("nl-NL", "ma 2 mrt 2026", "2026-03-02"),
        ("en-GB", "Monday, March 2nd, 2026", "2026-03-02"),
        ("en-GB", "2-Mar-26", "2026-03-02"),
        ("en-GB", "20260302", "2026-03-02"),
        ("en-GB", "2026/3/2 9:15 AM", "2026-03-02"),
    ] {
        assert_eq!(dates::date(cell, None, &custom(locale)).map(|d| d.to_string()), Ok(kept.into()), "{cell}");
    }
    // An order that somebody chose is not turned round.
    let strict = |cell, order| dates::date(cell, Some(order), &custom("en-US")).map(|d| d.to_string());
    assert_eq!(strict("03/01/2017", DateOrder::DayFirst), Ok("2017-01-03".into()));
    assert!(strict("12/31/2017", DateOrder::DayFirst).is_err());
    assert_eq!(strict("17/03/01", DateOrder::YearFirst), Ok("2017-03-01".into()));
    let moment = |cell| dates::moment(cell, None, &custom("nl-NL")).map(|at| at.to_rfc3339());
    assert_eq!(moment("31-12-2025 02:30 pm"), Ok("2025-12-31T13:30:00+00:00".into()));
    assert_eq!(moment("45631.5"), Ok("2024-12-05T11:00:00+00:00".into()));
    for (cell, value) in [("Ja", true), ("OUI", true), ("sí", true), ("falso", false), ("nee", false), ("Nein", false)]
    {
        assert_eq!(words::bool(cell), Some(value), "{cell}");
    }
    for (cell, code) in
        [("Deutschland", "DE"), ("Pays-Bas", "NL"), ("España", "ES"), ("Österreich", "AT"), ("gbr", "GB")]
    {
        assert_eq!(words::country(cell), Ok(code.to_owned()), "{cell}");
    }
}

#[test]
fn numbers_as_they_are_written() {
    let read = |cell, mark| numbers::number(cell, mark).map(|n| n.value.to_string());
    for (cell, value) in [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1'234.56", "1234.56"),
        ("12,34,567.8", "1234567.8"),
        ("(123)", "-123"),
        ("€ -12,50", "-12.50"),
        ("($1,200.00)", "-1200.00"),
        ("12 EUR", "12"),
        ("CHF 1’000", "1000"),
        ("99-", "-99"),
        ("8.48E10", "84800000000"),
        (",5", "0.5"),
    ] {
        assert_eq!(read(cell, None), Ok(value.to_owned()), "{cell}");
    }
    assert_eq!(read("1.234", Some(DecimalMark::Comma)), Ok("1234".into()));
    assert_eq!(read("1.234", Some(DecimalMark::Point)), Ok("1.234".into()));
    for bad in ["1,2,3", "12,34.5.6", "1.23.456,7", "abc", "1 2", "", "€", "1,234.56.78", "--1", "12:30"] {
        assert!(read(bad, None).is_err(), "{bad}");
    }
    let currency = |cell| currency_of(cell, Formats::default(), "EUR").map(|c| c.code().to_owned());
    assert_eq!(currency("US$ 5"), Some("USD".into()));
    assert_eq!(currency("5 zł"), Some("PLN".into()));
    assert_eq!(currency("$ 5"), Some("USD".into()));
    assert_eq!(currency_of("$ 5", Formats::default(), "CAD").map(|c| c.code().to_owned()), Some("CAD".into()));
    assert_eq!(currency("5"), None);
}

#[test]
fn columns_say_how_they_are_written() {
    let found = |cells: &[&str]| detect_formats(cells.iter().copied());
    assert_eq!(found(&["01/02/2026", "13/02/2026"]).date_order, Some(DateOrder::DayFirst));
    assert_eq!(found(&["01/02/2026", "02/13/2026", ""]).date_order, Some(DateOrder::MonthFirst));
    assert_eq!(found(&["2026-01-02"]).date_order, Some(DateOrder::YearFirst));
    assert!(found(&["01/02/2026", "03/04/2026"]).ambiguous);
    assert!(found(&["13/02/2026", "02/13/2026"]).ambiguous);
    assert_eq!(found(&["1.234", "1.234,50"]).decimal_mark, Some(DecimalMark::Comma));
    assert_eq!(found(&["1,234", "0.5"]).decimal_mark, Some(DecimalMark::Point));
    assert_eq!(found(&["1.234.567", "12"]).decimal_mark, Some(DecimalMark::Comma));
    assert!(found(&["1.234", "12"]).ambiguous);
    assert_eq!(found(&["Ann", "12", "1.1.1", "b@x.test", "+31 20 123"]), Detected::default());
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (1950i32..2050, 1u32..=366).prop_map(|(year, day)| {
        NaiveDate::from_yo_opt(year, day).unwrap_or_else(|| NaiveDate::from_yo_opt(year, 365).unwrap_or_default())
    })
}

fn grouped(whole: &str, mark: &str) -> String {
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push_str(mark);
        }
        out.push(digit);
    }
    out
}

proptest! {
    /// Whatever way a day is written, reading it the same way gives it back.
    #[test]
    fn days_come_back(day in day(), locale in 0usize..10, time in 0u32..86_400) {
        let (tag, _) = Locale::all().nth(locale).unwrap_or_default();
        let custom = custom(tag);
        let time = NaiveTime::from_num_seconds_from_midnight_opt(time, 0).unwrap_or_default();
        for (order, pattern) in [
            (DateOrder::DayFirst, "%d/%m/%Y"), (DateOrder::DayFirst, "%d.%m.%y"), (DateOrder::DayFirst, "%-d-%-m-%Y"),
            (DateOrder::MonthFirst, "%m/%d/%Y"), (DateOrder::MonthFirst, "%-m-%-d-%y"),
            (DateOrder::YearFirst, "%Y-%m-%d"), (DateOrder::YearFirst, "%y/%m/%d"),
        ] {
            let text = day.format(pattern).to_string();
            prop_assert_eq!(dates::date(&text, Some(order), &custom), Ok(day), "{}", text);
            let text = format!("{text} {}", time.format("%H:%M:%S"));
            prop_assert_eq!(dates::date(&text, Some(order), &custom), Ok(day), "{}", text);
        }
        for (name, _) in Locale::from_tag(tag).month_names().into_iter().filter(|(_, month)| *month == day.month()) {
            let text = format!("{} {name} {}", day.day(), day.year());
            prop_assert_eq!(dates::date(&text, None, &custom), Ok(day), "{} in {}", text, tag);
        }
        let local = Locale::from_tag(tag).date(day);
        prop_assert_eq!(dates::date(&local, None, &custom), Ok(day), "{}", local);
    }

    /// Whatever way a number is written, reading it the same way gives it back; and so does reading it without knowing, where it says
    /// by itself how it is written.
    #[test]
    fn numbers_come_back(units in 0u64..1_000_000_000_000, cents in 0u64..100, negative: bool) {
        let value = Decimal::new((units * 100 + cents) as i64, 2) * if negative { -Decimal::ONE } else { Decimal::ONE };
        for (mark, groups, point) in [
            (DecimalMark::Comma, ".", ","), (DecimalMark::Comma, "\u{202f}", ","), (DecimalMark::Comma, "", ","),
            (DecimalMark::Point, ",", "."), (DecimalMark::Point, "'", "."), (DecimalMark::Point, " ", "."),
        ] {
            let body = format!("{}{point}{cents:02}", grouped(&units.to_string(), groups));
            for text in [
                if negative { format!("-{body}") } else { body.clone() },
                if negative { format!("({body})") } else { format!("{body} €") },
                if negative { format!("€ -{body}") } else { format!("EUR {body}") },
            ] {
                prop_assert_eq!(numbers::number(&text, Some(mark)).map(|n| n.value), Ok(value), "{}", text);
                prop_assert_eq!(numbers::number(&text, None).map(|n| n.value), Ok(value), "{}", text);
            }
        }
    }

    /// Nothing that anybody writes into a cell stops the reader.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,24}") {
        let custom = custom("de-DE");
        for kind in [FieldKind::Date, FieldKind::DateTime, FieldKind::Money, FieldKind::Percent, FieldKind::Phone, FieldKind::Country] {
            let _ = parse(kind, 255, &text, &custom, Formats::default());
        }
        let _ = detect_formats([text.as_str()]);
    }
}
