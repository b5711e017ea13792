//! Text to words, each with its bytes.

use super::error::{ExprError, Span};
use super::number::Number;

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Number(Number),
    /// Text in single quotes, its quotes taken off.
    Text(String),
    /// A name or keyword as it was written.
    Name(String),
    /// A name in double quotes, which is never a keyword.
    Quoted(String),
    Symbol(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub word: Word,
    pub span: Span,
}

/// Longer symbols first.
const SYMBOLS: [&str; 16] =
    ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/", "%", "."];

/// Symbols of other languages, and what SQL writes.
const FOREIGN: [(&str, &str); 7] = [
    ("==", "SQL compares with a single `=`"),
    ("&&", "write `AND`"),
    ("||", "write `OR`"),
    ("&", "write `AND`"),
    ("|", "write `OR`"),
    ("!", "write `NOT`"),
    (";", "give one expression, without `;`"),
];

/// The words of `text`, the last of which is [`Word::End`].
pub(super) fn words(text: &str) -> Result<Vec<Token>, ExprError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (word, length) = word(text, at, first)?;
        tokens.push(Token { word, span: Span::new(at, at + length) });
        at += length;
    }
    tokens.push(Token { word: Word::End, span: Span::new(text.len(), text.len()) });
    Ok(tokens)
}

fn word(text: &str, at: usize, first: char) -> Result<(Word, usize), ExprError> {
    let rest = &text[at..];
    let second_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    match first {
        '0'..='9' => number(text, at),
        '.' if second_is_digit => number(text, at),
        '\'' => quoted(text, at, '\'').map(|(inside, length)| (Word::Text(inside), length)),
        '"' => quoted(text, at, '"').map(|(inside, length)| (Word::Quoted(inside), length)),
        _ if first.is_alphabetic() || first == '_' => {
            let length = rest.find(|char| !belongs_to_name(char)).unwrap_or(rest.len());
            Ok((Word::Name(rest[..length].to_owned()), length))
        }
        _ => symbol(text, at, first),
    }
}

fn belongs_to_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn symbol(text: &str, at: usize, first: char) -> Result<(Word, usize), ExprError> {
    let rest = &text[at..];
    let error = |length: usize, what: String| ExprError::new(text, Span::new(at, at + length), what);
    if rest.starts_with("--") || rest.starts_with("/*") {
        return Err(error(2, "an expression has no comments".to_owned())
            .then("put a blank between two minus signs, or leave the comment out"));
    }
    let foreign = FOREIGN.iter().find(|(symbol, _)| rest.starts_with(symbol) && !rest.starts_with("!="));
    if let Some((symbol, remedy)) = foreign {
        return Err(error(symbol.len(), format!("`{symbol}` is not SQL")).then(*remedy));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok((Word::Symbol(symbol), symbol.len())),
        None => {
            let wrong = error(first.len_utf8(), format!("`{first}` does not belong in an expression"));
            Err(match first {
                '‘' | '’' | '“' | '”' | '`' => {
                    wrong.then("text stands in straight quotes: '2024-01-08'")
                }
                _ => wrong,
            })
        }
    }
}

fn number(text: &str, at: usize) -> Result<(Word, usize), ExprError> {
    let bytes = &text.as_bytes()[at..];
    let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length = digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let end = digits((length + 1 + sign).min(bytes.len()));
        length = if end > length + 1 + sign { end } else { length };
    }
    let tail = text[at + length..].find(|char| !belongs_to_name(char)).unwrap_or(text.len() - at - length);
    let span = Span::new(at, at + length + tail);
    let shown = &text[at..at + length + tail];
    if tail > 0 {
        return Err(ExprError::new(text, span, format!("`{shown}` is not a number"))
            .then("a name does not begin with a digit; a time stands in quotes: '2024-01-08'"));
    }
    match Number::of_literal(shown) {
        Some(number) => Ok((Word::Number(number), length)),
        None => Err(ExprError::new(text, span, "the number is too long")
            .then("numbers have at most 38 digits and 64 decimals")),
    }
}

/// What stands in quotes (a doubled quote stands for one), and the length with them.
fn quoted(text: &str, at: usize, quote: char) -> Result<(String, usize), ExprError> {
    let (mut inside, mut chars) = (String::new(), text[at + 1..].char_indices().peekable());
    while let Some((offset, char)) = chars.next() {
        if char != quote {
            inside.push(char);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            inside.push(quote);
            chars.next();
        } else {
            return Ok((inside, offset + 2));
        }
    }
    Err(ExprError::new(text, Span::new(at, text.len()), "a quote is not closed")
        .then(format!("end it with `{quote}`")))
}
