use super::*;
use crate::kernel::RecordType;

fn deal(fields: &[(&str, Value)]) -> Values {
    let today = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap_or_default();
    Values { fields: fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(), today }
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap_or_default())
}

fn parse(text: &str) -> Result<Expression, String> {
    Expression::parse(text, &Catalogue::built_in(RecordType::Deal))
}

fn value(text: &str, fields: &[(&str, Value)]) -> Result<Value, String> {
    parse(text)?.check(&deal(fields))
}

#[test]
fn money_stays_exact() {
    let fields = [("amount", number("0.1")), ("probability", number("35"))];
    assert_eq!(value("amount + 0.2", &fields), Ok(number("0.3")));
    assert_eq!(value("amount * probability / 100", &fields), Ok(number("0.035")));
    assert_eq!(value("99999999999.9999 + amount", &fields), Ok(number("100000000000.0999")));
    assert!(parse("999999999999999.9999 + amount").is_err_and(|e| e.contains("15 digits")));
    assert_eq!(value("round(2.5) + round(0.125, 2)", &[]), Ok(number("3.13")));
    assert_eq!(value("1 / 3 * 3 == 1 || true", &[]), Ok(Value::Bool(true)));
}

#[test]
fn empty_goes_through() {
    assert_eq!(value("amount * 2", &[]), Ok(Value::Null));
    assert_eq!(value("1 / 0", &[]), Ok(Value::Null));
    assert_eq!(value("name + \" \" + source", &[("name", Value::Text("A".into()))]), Ok(Value::Text("A ".into())));
    assert_eq!(value("amount > 0", &[]), Ok(Value::Bool(false)));
    assert_eq!(value("amount == null && empty(source)", &[]), Ok(Value::Bool(true)));
    assert_eq!(value("coalesce(amount, 5)", &[]), Ok(number("5")));
    assert_eq!(value("min(amount, 5, 3)", &[]), Ok(number("3")));
}

#[test]
fn days_are_counted() {
    let close = Value::Date(NaiveDate::from_ymd_opt(2026, 12, 1).unwrap_or_default());
    let fields = [("expected_close_on", close)];
    assert_eq!(value("expected_close_on - today()", &fields), Ok(number("11")));
    assert_eq!(value("string(expected_close_on + 31)", &fields), Ok(Value::Text("2027-01-01".into())));
    assert_eq!(value("year(expected_close_on)", &fields), Ok(number("2026")));
    assert!(value("expected_close_on + 99999999999", &fields).is_err());
    assert!(parse("expected_close_on - today()").is_ok_and(|e| e.is_daily() && e.result() == Type::Number));
}

#[test]
fn what_is_wrong_is_said() {
    for (text, told) in [
        ("amount +", "cannot be read"),
        ("amuont * 2", "did you mean amount?"),
        ("nothing_like_it", "no field of this type"),
        ("name * 2", "cannot use * with text and a number"),
        ("name + amount", "string(…)"),
        ("[1, 2].map(x, x * 2)", "must not loop"),
        ("amount ? 1 : 2", "cannot use ? :"),
        ("exec(name)", "not known here"),
        ("name.foo", "not known here"),
        ("", "is required"),
        ("amount == name", "cannot use =="),
    ] {
        let error = parse(text).err().unwrap_or_default();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn hostile_input_is_refused_quickly() {
    let deep = format!("{}1{}", "(".repeat(900), ")".repeat(900));
    let wide = vec!["1"; 400].join(" + ");
    let long = "x".repeat(LONGEST + 1);
    for text in [
        deep.as_str(),
        &wide,
        &long,
        "\u{0}",
        "`",
        "'",
        "\"\\",
        "1e999",
        "a.b.c()",
        "{1: 2}",
        "\u{202e}amount",
        "(((((",
        "b'x'",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    let big = value("79228162514264337593543950335 * 10", &[]);
    assert!(big.is_err(), "{big:?}");
    let long = Value::Text("x".repeat(9_000));
    assert!(value("name + name", &[("name", long)]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn sums_agree_with_decimals(a in -1_000_000_000i64..1_000_000_000, b in 1i64..1_000_000) {
        let (x, y) = (Decimal::new(a, 4), Decimal::new(b, 4));
        let fields = [("amount", Value::Number(x)), ("probability", Value::Number(y))];
        proptest::prop_assert_eq!(value("amount + probability", &fields), Ok(Value::Number(x + y)));
        proptest::prop_assert_eq!(value("amount * probability", &fields), Ok(Value::Number(x * y)));
    }
}
