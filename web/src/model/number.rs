//! Numbers as the pages print them: grouped by commas, with a real minus sign and fixed decimals.

/// `1234567` as `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A number with `decimals` places: `-1234.5` as `−1,234.50`.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), ""), |(whole, fraction)| (whole, fraction));
    let dot = if fraction.is_empty() { "" } else { "." };
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !zero { "−" } else { "" };
    format!("{sign}{}{dot}{fraction}", group(whole))
}

/// A number with its sign, also when it is positive: `+0.12`.
pub(crate) fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if value > 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        format!("+{text}")
    } else {
        text
    }
}

/// Bytes in steps of 1024: `1.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", fixed(value, usize::from(value < 99.95)), UNITS[unit])
}

/// Percent of expected bars that are there, rounded down so that 100.00 means all of them.
pub(crate) fn coverage(found: u64, expected: u64) -> String {
    if expected == 0 {
        return "–".into();
    }
    let hundredths = (u128::from(found.min(expected)) * 10_000 / u128::from(expected)) as u64;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// `s` unless there is one: `count_of(2, "gap")` is `2 gaps`.
pub(crate) fn count_of(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A number a form holds: as short as it can be and exact, without grouping.
pub(crate) fn plain(value: f64) -> String {
    format!("{value}")
}

/// Reads a number a user typed or pasted: grouping, blanks, a real minus and a trailing percent sign (a hundredth) are fine.
pub(crate) fn read(text: &str) -> Option<f64> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ',')
        .map(|c| if c == '−' { '-' } else { c })
        .collect();
    let (text, unit) = text.strip_suffix('%').map_or((text.as_str(), 1.0), |text| (text, 100.0));
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value / unit)
}

fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints() {
        assert_eq!(
            [count(0), count(999), count(20_160), count(u64::MAX)],
            ["0", "999", "20,160", "18,446,744,073,709,551,615"]
        );
        for (value, decimals, expected) in [
            (0.0, 2, "0.00"),
            (-0.001, 2, "0.00"),
            (-1234.5, 2, "−1,234.50"),
            (42_000.0, 0, "42,000"),
            (1.10864, 5, "1.10864"),
            (f64::NAN, 2, "–"),
        ] {
            assert_eq!(fixed(value, decimals), expected);
        }
        assert_eq!([signed(0.126, 2), signed(-0.5, 1), signed(0.001, 2)], ["+0.13", "−0.5", "0.00"]);
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KB"),
            (1_048_575, "1.0 MB"),
            (240_000, "234 KB"),
            (5_368_709_120, "5.0 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!([count_of(1, "gap"), count_of(2, "gap")], ["1 gap", "2 gaps"]);
    }

    #[test]
    fn full_coverage_means_every_bar() {
        assert_eq!(coverage(1_000_000, 1_000_001), "99.99");
        assert_eq!(coverage(3, 3), "100.00");
        assert_eq!(coverage(5, 3), "100.00");
        assert_eq!(coverage(0, 0), "–");
    }

    #[test]
    fn reads() {
        for (text, expected) in [("10,000", 10_000.0), (" 0.2 % ", 0.002), ("−5", -5.0), ("1e3", 1000.0)] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["", "abc", "inf", "nan", "1.2.3", "%"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
