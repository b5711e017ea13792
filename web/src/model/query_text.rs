//! Key and value pairs as a URL fragment holds them.

/// Splits `a=1&b=2`; percent escapes are read, a plus stays a plus.
pub(crate) fn parse(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// Joins pairs; the inverse of [`parse`].
pub(crate) fn print(pairs: &[(String, String)]) -> String {
    pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@,!$*()^".contains(&byte);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = text
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_round_trip() {
        for value in [
            "",
            "a b",
            "100%",
            "%4",
            "x=y&z",
            "https://h.example/c?x=1#f",
            "Zürich €",
            "1+1",
            "EUR/USD.IDEALPRO",
        ] {
            let pairs = vec![("k y".to_owned(), value.to_owned()), ("last".to_owned(), "1".to_owned())];
            assert_eq!(parse(&print(&pairs)), pairs, "{value}");
        }
        assert_eq!(
            parse("&a&b=&=c&"),
            [("a", ""), ("b", ""), ("", "c")].map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
        assert_eq!(print(&[("i".into(), "EUR/USD.X-1-MINUTE".into())]), "i=EUR/USD.X-1-MINUTE");
    }
}
