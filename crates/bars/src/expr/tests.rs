//! The language from outside: what is read, what is refused and where, what it means.

use proptest::prelude::*;

use super::*;
use crate::{Decimal, UnixNanos};

fn scope() -> Scope {
    Scope::default()
        .with_name("open", Type::Number)
        .with_name("close", Type::Number)
        .with_name("volume", Type::Number)
        .with_name("ts", Type::Time)
        .with_constant("fast", Type::Number)
        .with_function(Function {
            name: "sma".into(),
            params: vec![Param::series("series", Type::Number), Param::constant("period", Type::Number)],
            required: 2,
            result: Type::Number,
        })
        .with_function(Function {
            name: "crosses_above".into(),
            params: vec![Param::series("left", Type::Number), Param::series("right", Type::Number)],
            required: 2,
            result: Type::Boolean,
        })
}

/// One bar.
struct Bar([&'static str; 4]);

impl Row for Bar {
    fn name(&self, number: usize) -> Value {
        match number {
            3 => Value::Time(self.0[3].parse().unwrap()),
            4 => Value::Number(7.into()),
            _ => Value::Number(self.0[number].parse::<Decimal>().unwrap().into()),
        }
    }

    fn call(&self, number: usize, args: &[Value]) -> Value {
        // `sma` of one bar is its value; that crosses above what it is not equal to.
        if number == 0 { args[0].clone() } else { Value::Boolean(args[0] != args[1]) }
    }
}

/// A Monday in winter, 09:30 in New York.
const MONDAY: Bar = Bar(["185.00", "184.64", "1000", "2024-01-08T14:30:00Z"]);

#[test]
fn conditions() {
    for (text, expected) in [
        ("close < open", true),
        ("CLOSE > 184.64", false),
        ("close >= 184.640000", true),
        ("\"close\" = 184.64 and Not open = 1", true),
        ("close * volume = 184640 AND close + open - 369.64 = 0", true),
        ("0.1 + 0.2 = 0.3", true),
        ("1 = 1 OR close > 1000 AND open > 1000", true),
        ("(1 = 1 OR close > 1000) AND open > 1000", false),
        ("2 + 3 * 4 = 14 AND (2 + 3) * 4 = 20 AND 10 - 3 - 2 = 5 AND 7 / 2 = 3.5 AND 2 * -3 = -6", true),
        ("NOT close = open AND NOT FALSE", true),
        ("close BETWEEN 184.64 AND 185", true),
        ("close NOT BETWEEN 1 AND 2 AND (close BETWEEN 2 AND 1) = FALSE", true),
        ("close IN (1, 184.64)", true),
        ("close NOT IN (1, 184.64)", false),
        ("close IN (open - 0.36, 1)", true),
        ("close <> 1 AND close != 1", true),
        ("7.5 % 2 = 1.5 AND -7.5 % 2 = -1.5", true),
        (
            "abs(close - open) = 0.36 AND least(close, open, 200) = close AND greatest(close, open) = open",
            true,
        ),
        ("floor(close) = 184 AND ceil(close) = 185 AND round(close) = 185 AND round(close, 1) = 184.6", true),
        ("CASE WHEN close > open THEN 1 WHEN close < open THEN -1 ELSE 0 END = -1", true),
        ("volume > 0 OR 1 / (volume - 1000) > 0", true),
        ("volume = 0 AND 1 / (volume - 1000) > 0", false),
        ("CASE WHEN volume = 1000 THEN 1 ELSE 1 / (volume - 1000) END = 1", true),
        ("close IS NOT NULL AND NOT close IS NULL", true),
        ("ts = '2024-01-08 14:30' AND ts = TIMESTAMP '2024-01-08T09:30:00-05:00'", true),
        ("'2024-01-08 14:30:00' <= ts AND ts < '2024-01-09'", true),
        ("ts BETWEEN '2024-01-08' AND '2024-01-08 14:30'", true),
        ("ts >= DATE '2024-01-08' AND ts < DATE '2024-01-09'", true),
        (
            "date(ts) = '2024-01-08' AND date(ts) IN ('2024-01-07', '2024-01-08') AND '2024-01-08' IN (date(ts))",
            true,
        ),
        ("time(ts) = '14:30' AND time(ts) BETWEEN TIME '14:29:59.999' AND '14:30:00'", true),
        ("EXTRACT(hour FROM ts) = 14 AND Extract(MINUTE from ts) = 30 AND second(ts) = 0", true),
        ("year(ts) = 2024 AND quarter(ts) = 1 AND month(ts) = 1 AND day(ts) = 8 AND week(ts) = 2", true),
        ("dow(ts) = 1 AND dayofweek(ts) = 1 AND isodow(ts) = 1 AND doy(ts) = 8 AND dow(date(ts)) = 1", true),
        ("dow(TIMESTAMP '2024-01-07') = 0 AND isodow(DATE '2024-01-07') = 7", true),
        ("hour(ts AT TIME ZONE 'America/New_York') = 9", true),
        (
            "time(ts AT TIME ZONE 'America/New_York') >= '09:30' AND ts AT TIME ZONE 'utc' = '2024-01-08 14:30'",
            true,
        ),
        ("hour(TIMESTAMP '2024-07-08 13:30' AT TIME ZONE 'America/New_York') = 9", true),
        ("time(TIMESTAMP '2024-03-10 07:00' AT TIME ZONE 'America/New_York') = '03:00'", true),
        ("time(TIMESTAMP '2024-03-10 06:59:59' AT TIME ZONE 'America/New_York') = '01:59:59'", true),
        ("date(TIMESTAMP '1960-03-01') = '1960-03-01' AND hour(TIMESTAMP '1960-03-01 23:00') = 23", true),
        ("crosses_above(sma(close, 20), sma(open, fast)) AND fast = 7", true),
    ] {
        let expression = Expression::condition(text, &scope()).map_err(|error| error.to_string());
        let found = expression.unwrap().root().evaluate(&MONDAY);
        assert_eq!(found, Ok(Value::Boolean(expected)), "{text}");
    }
}

#[test]
fn errors_point_at_the_word() {
    for (text, word, what, next) in [
        ("", "", "is empty", "close > 100"),
        ("   ", "", "is empty", ""),
        ("closs > 5", "closs", "unknown name", "did you mean `close`?"),
        ("Hour > 5", "Hour", "unknown name `hour`", "write `hour(…)`"),
        ("close > \"abc\"", "\"abc\"", "unknown name", "single quotes"),
        ("close > 'abc'", "'abc'", "a number cannot be compared with text", "such as 184.64"),
        ("close > '100'", "'100'", "a number cannot be compared with text", "without quotes: 100"),
        ("ts > 20240108", "20240108", "a time cannot be compared with a number", "in quotes"),
        ("ts > '2024-13-08'", "'2024-13-08'", "is not a time", "'2024-01-08 14:30'"),
        ("ts > 'abc' AND 1 = 1", "'abc'", "is not a time", ""),
        ("time(ts) > '25:00'", "'25:00'", "is not a time of day", "'14:30'"),
        ("date(ts) = '2024-01-08 14:30'", "'2024-01-08 14:30'", "is not a date", ""),
        (
            "ts AT TIME ZONE 'Mars/Base' > '2024-01-01'",
            "'Mars/Base'",
            "is not known here",
            "America/New_York",
        ),
        (
            "ts AT TIME ZONE 'UTC' > '2024-01-01T00:00:00Z'",
            "'2024-01-01T00:00:00Z'",
            "is not a local time",
            "",
        ),
        (
            "ts = ts AT TIME ZONE 'UTC'",
            "ts AT TIME ZONE 'UTC'",
            "a time cannot be compared with a local time",
            "",
        ),
        ("close > 'abc", "'abc", "a quote is not closed", "end it with `'`"),
        ("close + 1", "close + 1", "needs a condition", "`close > 100`"),
        ("close AND open > 1", "close", "`AND` needs a condition, and this is a number", ""),
        ("NOT close", "close", "`NOT` needs a condition", ""),
        ("close > 1 + ts", "ts", "`+` needs a number, and this is a time", ""),
        ("close == 5", "==", "`==` is not SQL", "single `=`"),
        ("close > 5 && open > 5", "&&", "`&&` is not SQL", "`AND`"),
        ("1 < close < 5", "<", "cannot be chained", "BETWEEN"),
        ("close > 5 6", "6", "does not fit here", "an operator"),
        ("close >", "", "ends too early", "expected a value"),
        ("(close > 5", "", "ends too early", "`)`"),
        ("close > 5)", ")", "does not fit here", ""),
        ("close > 5 # x", "#", "does not belong", ""),
        ("close > 1.2.3", "1.2.3", "", ""),
        ("close > 12abc", "12abc", "is not a number", ""),
        ("close > 1e99", "1e99", "too long", "38 digits"),
        (
            "close > 99999999999999999999999999999999999999 * 10",
            "99999999999999999999999999999999999999 * 10",
            "more than 38 digits",
            "",
        ),
        ("close > 1 / 0", "0", "division by zero", ""),
        ("close = NULL", "NULL", "no NULL here", ""),
        ("close LIKE 'a%'", "LIKE", "no text to match", ""),
        ("close IN ()", "IN ()", "is empty", ""),
        ("close NOT 5", "5", "BETWEEN or IN", ""),
        ("CASE WHEN close > 1 THEN 1 END = 1", "END", "does not fit here", "ELSE"),
        ("CASE WHEN close > 1 THEN ts ELSE 1 END = 1", "ts", "after THEN stands a time", ""),
        ("sma(close) > 1", "sma(close)", "takes 2 arguments, not 1", "sma(series, period)"),
        ("sma(close, open) > 1", "open", "the same for all bars", "such as 20"),
        ("sma(ts, 5) > 1", "ts", "`series` of `sma` needs a number", ""),
        ("smaa(close, 5) > 1", "smaa", "no function `smaa`", "did you mean `sma`?"),
        ("close(5) > 1", "close", "no function `close`", "without parentheses"),
        ("round(close, 40) > 1", "40", "0 to 16", ""),
        ("EXTRACT(houre FROM ts) = 1", "houre", "not a part of a time", "did you mean `hour`?"),
        ("hour(close) = 1", "close", "a number has no hour", "hour(ts)"),
        ("hour(date(ts)) = 1", "date(ts)", "a date has no hour", ""),
        ("ts - INTERVAL '1 hour' > ts", "INTERVAL", "not known", ""),
        ("close > 5 -- note", "--", "no comments", ""),
        ("(1 = 1) < (2 = 2)", "(2 = 2)", "neither smaller nor greater", ""),
        ("äöü > 5", "äöü", "unknown name `äöü`", ""),
        ("close > ‘5’", "‘", "does not belong", "straight quotes"),
        ("date > '2024-01-08'", "date", "followed by", "`date(ts)`"),
    ] {
        let error = Expression::condition(text, &scope()).unwrap_err();
        let found = (&error.text[error.span.start..error.span.end], &error.what);
        if text == "close > 1.2.3" {
            assert_eq!(found.0, ".3", "{error}");
            continue;
        }
        assert_eq!(found.0, word, "{text}: {error}");
        assert!(error.what.contains(what), "{text}: {}", error.what);
        assert!(error.next.join("\n").contains(next), "{text}: {:?}", error.next);
    }
}

#[test]
fn faults_of_a_row_point_at_the_word() {
    for (text, word, kind) in [
        ("1 / (volume - 1000) > 0", "(volume - 1000)", FaultKind::DivisionByZero),
        ("1 % (volume - 1000) > 0", "(volume - 1000)", FaultKind::DivisionByZero),
        (
            "1 > 0 AND close * 99999999999999999999999999999999999999 > 0",
            "close * 99999999999999999999999999999999999999",
            FaultKind::Overflow,
        ),
        (
            "hour(TIMESTAMP '1986-01-01' AT TIME ZONE 'America/New_York') = hour(ts)",
            "",
            FaultKind::UnknownLocalTime,
        ),
    ] {
        match Expression::condition(text, &scope()) {
            Ok(expression) => {
                let fault = expression.root().evaluate(&MONDAY).unwrap_err();
                assert_eq!((&text[fault.span.start..fault.span.end], fault.kind), (word, kind), "{text}");
            }
            Err(error) => assert_eq!((error.what, word), (kind.to_string(), ""), "{text}"),
        }
    }
}

#[test]
fn neither_length_nor_depth_breaks_it() {
    let deep = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    for (text, what) in [
        (deep("(", "1 = 1", ")", 100_000), "more than 65536"),
        (deep("(", "1 = 1", ")", 30_000), "levels deep"),
        ("(".repeat(65_000), "levels deep"),
        (deep("NOT ", "1 = 1", "", 10_000), "levels deep"),
        (deep("- ", "1", " = 1", 10_000), ""),
        (format!("close{} > 0", " + 1".repeat(10_000)), "levels deep"),
        (format!("close > 0{}", " AND NOT (close > 0)".repeat(10_000)), "more than 65536"),
        (deep("abs(", "close", ")", 10_000), "levels deep"),
        (deep("CASE WHEN ", "1 = 1", " THEN 1 ELSE 0 END = 1", 1_000), "levels deep"),
    ] {
        let error = Expression::condition(&text, &scope()).unwrap_err();
        assert!(error.what.contains(what) && error.to_string().len() < 1_000, "{error}");
    }
    // What people write is far inside.
    for text in [
        deep("(", "close > 1", ")", 90),
        vec!["close > 1"; 5_000].join(" OR "),
        format!("close IN ({})", vec!["184.64"; 8_000].join(", ")),
    ] {
        assert_eq!(Expression::condition(&text, &scope()).unwrap().root().holds(&MONDAY), Ok(true));
    }
}

fn syntax() -> impl Strategy<Value = Syntax> {
    let at = Span::default();
    let new = move |kind| Syntax::new(kind, at);
    let name = prop_oneof![
        Just("close".to_owned()),
        Just("and".to_owned()),
        Just("time".to_owned()),
        "[a-zA-Z_ \"'é]{0,6}"
    ];
    let moment = prop::sample::select(Moment::ALL.to_vec());
    let leaf = prop_oneof![
        (any::<u64>(), 0u8..30)
            .prop_map(|(units, scale)| SyntaxKind::Number(Number::new(units.into(), scale))),
        ".{0,8}".prop_map(SyntaxKind::Text),
        any::<bool>().prop_map(SyntaxKind::Boolean),
        (moment, ".{0,8}").prop_map(|(moment, text)| SyntaxKind::Moment(moment, text)),
        name.clone().prop_map(SyntaxKind::Name),
    ]
    .prop_map(new);
    leaf.prop_recursive(7, 60, 4, move |inner| {
        let one = inner.clone().prop_map(Box::new);
        let list = prop::collection::vec(inner.clone(), 1..4);
        let chain = prop::collection::vec(inner.clone(), 2..4);
        let operators = [
            Arithmetic::Add,
            Arithmetic::Subtract,
            Arithmetic::Multiply,
            Arithmetic::Divide,
            Arithmetic::Remainder,
        ];
        let comparisons = [
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ];
        prop_oneof![
            (name.clone(), prop::collection::vec(inner.clone(), 0..3))
                .prop_map(|(name, args)| SyntaxKind::Call(name, args)),
            one.clone().prop_map(SyntaxKind::Negate),
            one.clone().prop_map(SyntaxKind::Not),
            (one.clone(), "[a-zA-Z/']{0,6}").prop_map(|(inner, zone)| SyntaxKind::AtZone(inner, zone)),
            (prop::sample::select(operators.to_vec()), one.clone(), one.clone())
                .prop_map(|(operator, left, right)| SyntaxKind::Arithmetic(operator, left, right)),
            (prop::sample::select(comparisons.to_vec()), one.clone(), one.clone())
                .prop_map(|(operator, left, right)| SyntaxKind::Compare(operator, left, right)),
            chain.clone().prop_map(SyntaxKind::And),
            chain.prop_map(SyntaxKind::Or),
            (prop::array::uniform3(inner.clone()), any::<bool>())
                .prop_map(|(parts, negated)| SyntaxKind::Between(Box::new(parts), negated)),
            (one.clone(), list, any::<bool>())
                .prop_map(|(value, list, negated)| SyntaxKind::In(value, list, negated)),
            (one.clone(), any::<bool>()).prop_map(|(value, negated)| SyntaxKind::IsNull(value, negated)),
            (prop::collection::vec((inner.clone(), inner), 1..3), one)
                .prop_map(|(branches, otherwise)| SyntaxKind::Case(branches, otherwise)),
        ]
        .prop_map(new)
    })
}

/// A condition that knows its own meaning: computed with plain integers, in units of 10^-`scale`.
#[derive(Clone, Debug)]
enum Sum {
    Column(usize),
    Literal(i64),
    Make(Box<Sum>, char, Box<Sum>),
}

#[derive(Clone, Debug)]
enum Claim {
    Compare(Sum, &'static str, Sum),
    Between(Sum, Sum, Sum),
    In(Sum, Vec<Sum>),
    Not(Box<Claim>),
    Both(Box<Claim>, Box<Claim>),
    Either(Box<Claim>, Box<Claim>),
}

impl Sum {
    fn text(&self) -> String {
        match self {
            Self::Column(column) => ["open", "close", "volume"][*column].to_owned(),
            Self::Literal(cents) => Decimal::from_ticks(*cents, 2).to_string(),
            Self::Make(left, sign, right) => format!("({} {sign} {})", left.text(), right.text()),
        }
    }

    fn oracle(&self, row: &[i64; 3]) -> (i128, u32) {
        match self {
            Self::Column(column) => (i128::from(row[*column]), 2),
            Self::Literal(cents) => (i128::from(*cents), 2),
            Self::Make(left, sign, right) => {
                let (left, right) = (left.oracle(row), right.oracle(row));
                let scale = left.1.max(right.1);
                let (a, b) = (left.0 * 10i128.pow(scale - left.1), right.0 * 10i128.pow(scale - right.1));
                match sign {
                    '+' => (a + b, scale),
                    '-' => (a - b, scale),
                    _ => (left.0 * right.0, left.1 + right.1),
                }
            }
        }
    }

    fn cmp(&self, other: &Self, row: &[i64; 3]) -> std::cmp::Ordering {
        let (left, right) = (self.oracle(row), other.oracle(row));
        (left.0 * 10i128.pow(right.1)).cmp(&(right.0 * 10i128.pow(left.1)))
    }
}

impl Claim {
    fn text(&self) -> String {
        match self {
            Self::Compare(left, sign, right) => format!("{} {sign} {}", left.text(), right.text()),
            Self::Between(value, low, high) => {
                format!("{} BETWEEN {} AND {}", value.text(), low.text(), high.text())
            }
            Self::In(value, list) => {
                let list: Vec<String> = list.iter().map(Sum::text).collect();
                format!("{} IN ({})", value.text(), list.join(", "))
            }
            Self::Not(inner) => format!("NOT ({})", inner.text()),
            Self::Both(left, right) => format!("({}) AND ({})", left.text(), right.text()),
            Self::Either(left, right) => format!("({}) OR ({})", left.text(), right.text()),
        }
    }

    fn oracle(&self, row: &[i64; 3]) -> bool {
        match self {
            Self::Compare(left, sign, right) => {
                let order = left.cmp(right, row);
                match *sign {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    "=" => order.is_eq(),
                    "<>" => order.is_ne(),
                    ">=" => order.is_ge(),
                    _ => order.is_gt(),
                }
            }
            Self::Between(value, low, high) => value.cmp(low, row).is_ge() && value.cmp(high, row).is_le(),
            Self::In(value, list) => list.iter().any(|item| value.cmp(item, row).is_eq()),
            Self::Not(inner) => !inner.oracle(row),
            Self::Both(left, right) => left.oracle(row) & right.oracle(row),
            Self::Either(left, right) => left.oracle(row) | right.oracle(row),
        }
    }
}

fn sum() -> impl Strategy<Value = Sum> {
    let leaf = prop_oneof![(0usize..3).prop_map(Sum::Column), (-200i64..200).prop_map(Sum::Literal)];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!['+', '-', '*']), inner)
            .prop_map(|(left, sign, right)| Sum::Make(Box::new(left), sign, Box::new(right)))
    })
}

fn claim() -> impl Strategy<Value = Claim> {
    let sign = prop::sample::select(vec!["<", "<=", "=", "<>", ">=", ">"]);
    let leaf = prop_oneof![
        (sum(), sign, sum()).prop_map(|(left, sign, right)| Claim::Compare(left, sign, right)),
        (sum(), sum(), sum()).prop_map(|(value, low, high)| Claim::Between(value, low, high)),
        (sum(), prop::collection::vec(sum(), 1..4)).prop_map(|(value, list)| Claim::In(value, list)),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let one = inner.prop_map(Box::new);
        prop_oneof![
            one.clone().prop_map(Claim::Not),
            (one.clone(), one.clone()).prop_map(|(left, right)| Claim::Both(left, right)),
            (one.clone(), one).prop_map(|(left, right)| Claim::Either(left, right)),
        ]
    })
}

struct Cents([i64; 3]);

impl Row for Cents {
    fn name(&self, number: usize) -> Value {
        Value::Number(Decimal::from_ticks(self.0[number], 2).into())
    }

    fn call(&self, _: usize, args: &[Value]) -> Value {
        args[0].clone()
    }
}

proptest! {
    #[test]
    fn printing_and_reading_give_the_same_tree(tree in syntax()) {
        let text = tree.to_string();
        let read = parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read, &tree, "{}", text);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn meaning_is_that_of_plain_integers(claim in claim(), row in prop::array::uniform3(-200i64..200)) {
        let expression = Expression::condition(&claim.text(), &scope()).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(expression.root().holds(&Cents(row)), Ok(claim.oracle(&row)), "{}", claim.text());
    }

    #[test]
    fn no_text_breaks_it(text in "([a-z]{1,6}|[0-9.e]{1,4}|'[^']{0,6}'?|[-+*/%<>=!(),\" ]|[äß€\\n\\t]| (AND|OR|NOT|IN|BETWEEN|CASE|WHEN|AT TIME ZONE) |close|ts|hour){0,14}") {
        match Expression::compile(&text, &scope()) {
            Ok(expression) => {
                let tree = parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(parse(&tree.to_string()), Ok(tree));
                let _ = expression.root().evaluate(&MONDAY);
            }
            Err(error) => {
                prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{:?}", error.span);
                prop_assert!(error.pointer().contains('^'));
            }
        }
    }
}

#[test]
fn stamps_at_the_ends_of_time() {
    for (text, bar, expected) in [
        ("ts > '1700-01-01' AND year(ts) = 2262", "2262-04-11T23:47:16Z", true),
        ("date(ts) = '1677-09-22' AND time(ts) = '00:00'", "1677-09-22", true),
    ] {
        let row = Bar(["1", "1", "1", bar]);
        assert!(bar.parse::<UnixNanos>().is_ok());
        assert_eq!(Expression::condition(text, &scope()).unwrap().root().holds(&row), Ok(expected), "{text}");
    }
}
