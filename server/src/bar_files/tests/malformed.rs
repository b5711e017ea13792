//! Files that are none, each with what its owner is told.

use catalog::ErrorKind;

use super::*;

const HEADER: &str = "timestamp,open,high,low,close,volume\n";
const GOOD: &str = "1704724200,1,2,0.5,1.5,10\n";

#[test]
fn bad_rows_are_named() {
    for (row, reason) in [
        ("1704724260,1,2,0.5,abc,10", "the close `abc` is not a decimal number"),
        ("1704724260,1,2,0.5,,10", "the close is missing"),
        ("1704724260,1,2,0.5", "the close is missing"),
        ("1704724260,1,2,0.5,1.5", "the volume is missing"),
        (",1,2,0.5,1.5,10", "the time is missing"),
        ("1704724260,1,1.2,0.5,1.5,10", "the high is below"),
        ("1704724260,1,2,1.1,1.5,10", "the low is above"),
        ("1704724260,1,2,0.5,1.5,-10", "the volume is negative"),
        ("1704724260,1,inf,0.5,1.5,10", "is not a decimal number"),
        ("1704724260,null,2,0.5,1.5,10", "the open `null` is not a decimal number"),
        ("1704724260,1,2,0.5,1.00000000000000001,10", "more than 16 decimals"),
        ("1704724260,1,2,0.5,1.5,10 BTC", "the volume `10 BTC`"),
        ("1704724200,1,2,0.5,1.5,10", "comes twice"),
        ("1704724140,1,2,0.5,1.5,10", "out of order"),
        ("1704724261,1,2,0.5,1.5,10", "is not on the grid of 1-MINUTE bars"),
        ("yesterday,1,2,0.5,1.5,10", "the time `yesterday` is neither ISO 8601"),
        ("9999-01-01,1,2,0.5,1.5,10", "outside the years"),
        ("99999999999999999999,1,2,0.5,1.5,10", "outside the years"),
        ("\u{0}\u{1},1,2,0.5,1.5,10", "neither"),
        ("timestamp,open,high,low,close,volume", "neither"),
    ] {
        let files = Files::one("bars.csv", format!("{HEADER}{GOOD}{}{row}\n", "\n"));
        let text = std::fs::read(files.path("bars.csv")).unwrap();
        if text.contains(&0) {
            assert!(look(&files.options("1-MINUTE")).unwrap_err().what.contains("is not a CSV file"));
            continue;
        }
        let found = look(&files.options("1-MINUTE")).unwrap();
        assert_eq!((found.rows(), found.bad.count), (1, 1), "{row}");
        let bad = &found.bad.shown[0];
        assert!(bad.fault.reason.contains(reason), "{row}: {}", bad.fault.reason);
        assert_eq!((bad.line, bad.text.as_str()), (4, row));
        let error = found.refuse_bad_rows(&files.options("1-MINUTE")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert!(
            error.why.contains("line 4") && error.what == "1 row is no bar; nothing was imported",
            "{error}"
        );
    }
}

#[test]
fn bad_files_are_refused() {
    let new_york = "2024-01-08 09:30,1,2,0.5,1.5,10\n";
    for (text, reason) in [
        (String::new(), "is empty"),
        ("\n\n\n".to_owned(), "is empty"),
        (HEADER.to_owned(), "holds no rows"),
        ("timestamp,open,high,low,volume\n1,1,1,1,1\n".to_owned(), "no column for the close"),
        ("timestamp,open,high,low,close\n1,1,1,1,1\n".to_owned(), "no column for the volume"),
        ("open,high,low,close,volume\n1,1,1,1,1\n".to_owned(), "no column for the time"),
        (format!("{HEADER}{new_york}"), "say in which zone the times"),
        (format!("{HEADER}08/01/2024 09:30,1,2,0.5,1.5,10\n"), "say what comes first in the dates"),
        (format!("{HEADER}13/13/2024 09:30,1,2,0.5,1.5,10\n"), "say what comes first in the dates"),
        (
            "time;open;high;low;close;volume\n1704724200;1,234;1,300;1,200;1,250;10\n".to_owned(),
            "say what the comma means",
        ),
        (
            "1704724200,1,0.5,2,1.5,10\n1704724260,1,0.5,2,1.5,10\n".to_owned(),
            "has no header that names its columns",
        ),
        ("1704724200,1,2,0.5\n".to_owned(), "has no header that names its columns"),
        ("{\"t\": 1}\n".to_owned(), "is not a CSV file"),
        ("<!DOCTYPE html><html>not found</html>\n".to_owned(), "is not a CSV file"),
        ("PAR1 is not text".to_owned(), "could not be read"),
        ("ARROW1\0\0 is not text".to_owned(), "could not be read"),
    ] {
        let files = Files::one("bars.csv", &text);
        let error = look(&silent(files.options("1-MINUTE"))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput, "{error}");
        assert!(error.what.contains(reason), "{text}: {error}");
        assert!(!error.next.is_empty() && !error.why.is_empty(), "{error}");
    }
}

#[test]
fn many_bad_rows_are_counted_by_reason() {
    let rows: String = (0..30)
        .map(|at| if at % 3 == 0 { "1704724200,1,2,0.5,x,1\n" } else { "never,1,2,0.5,1,1\n" })
        .collect();
    let files = Files::one("bars.csv", format!("{HEADER}{GOOD}{rows}"));
    let error =
        look(&files.options("1-MINUTE")).unwrap().refuse_bad_rows(&files.options("1-MINUTE")).unwrap_err();
    assert_eq!(error.what, "30 rows are no bars; nothing was imported");
    assert!(error.why.contains("… and 25 more"), "{error}");
    assert!(
        error.why.contains("20 have a time that cannot be read; 10 have a number that cannot be read"),
        "{error}"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Whatever stands in a file, it ends with bars, bad rows or an error.
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), header in proptest::bool::ANY) {
        let head = if header { HEADER.as_bytes() } else { b"" };
        let files = Files::one("bars.csv", [head, &bytes].concat());
        let _ = look(&files.options("1-MINUTE"));
    }

    #[test]
    fn nothing_panics_on_text(text in "[0-9,;.:\\-\n\"' a-zTZ]{0,200}") {
        let files = Files::one("bars.csv", format!("{HEADER}{GOOD}{text}"));
        let _ = look(&files.options("1-MINUTE"));
    }
}
