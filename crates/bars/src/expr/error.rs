//! Where an expression is wrong, and how that is shown.

use std::fmt;

/// Bytes of an expression's text, from `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
}

impl Span {
    /// From `start` up to `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the start of this span to the end of another.
    #[must_use]
    pub const fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// An expression that makes no sense, and the word that says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExprError {
    /// What is wrong: a lower-case fragment without a full stop, words of the text in backticks.
    pub what: String,
    /// The bytes that it is about.
    pub span: Span,
    /// What to write instead, in order; may be empty.
    pub next: Vec<String>,
    /// The expression as it was given.
    pub text: String,
}

/// Characters of a line that are shown around the word.
const SHOWN: usize = 100;

impl ExprError {
    pub(crate) fn new(text: &str, span: Span, what: impl Into<String>) -> Self {
        Self { what: what.into(), span, next: Vec::new(), text: text.to_owned() }
    }

    pub(crate) fn then(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// Two lines: the text around the word, and `^^^^` below the word.
    ///
    /// ```
    /// use bars::expr::{Expression, Scope, Type};
    /// let scope = Scope::default().with_name("close", Type::Number);
    /// let error = Expression::compile("closs > 5", &scope).unwrap_err();
    /// assert_eq!(error.pointer(), "closs > 5\n^^^^^");
    /// ```
    pub fn pointer(&self) -> String {
        let boundary = |mut at: usize| {
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(self.span.start.min(self.text.len()));
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let end = boundary(self.span.end.clamp(start, line_end));
        let before: Vec<char> = self.text[line_start..start].chars().collect();
        let word: Vec<char> = self.text[start..end].chars().take(SHOWN).collect();
        let after: Vec<char> = self.text[end.max(start)..line_end].chars().collect();
        let fits = before.len() + word.len() + after.len() <= SHOWN;
        let cut = if fits { 0 } else { before.len().saturating_sub(SHOWN / 2) };
        let lead = if cut > 0 { "…" } else { "" };
        let before = &before[cut..];
        let rest = SHOWN.saturating_sub(before.len() + word.len());
        let tail = if after.len() > rest { "…" } else { "" };
        let line: String = before.iter().chain(&word).chain(after.iter().take(rest)).collect();
        // Tabs are as wide below as above.
        let blanks: String = before.iter().map(|char| if *char == '\t' { '\t' } else { ' ' }).collect();
        let lead_blank = if cut > 0 { " " } else { "" };
        format!("{lead}{}{tail}\n{lead_blank}{blanks}{}", line.trim_end(), "^".repeat(word.len().max(1)))
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.what, self.pointer())?;
        self.next.iter().try_for_each(|next| write!(f, "\n{next}"))
    }
}

impl std::error::Error for ExprError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers() {
        let long = format!("{} + nix + {}", "a".repeat(300), "b".repeat(300));
        for (text, span, expected) in [
            ("close > abc", Span::new(8, 11), "close > abc\n        ^^^"),
            ("", Span::new(0, 0), "\n^"),
            ("close >", Span::new(7, 7), "close >\n       ^"),
            ("'äöü' = nix", Span::new(11, 14), "'äöü' = nix\n        ^^^"),
            ("a\n\tAND nix\nOR b", Span::new(7, 10), "\tAND nix\n\t    ^^^"),
            ("a", Span::new(90, 99), "a\n ^"),
        ] {
            assert_eq!(ExprError::new(text, span, "").pointer(), expected, "{text}");
        }
        let shown = ExprError::new(&long, Span::new(303, 306), "").pointer();
        let (line, carets) = shown.split_once('\n').unwrap();
        let column = carets.chars().count() - 3;
        assert_eq!(line.chars().skip(column).take(3).collect::<String>(), "nix", "{shown}");
        assert!(line.chars().count() <= SHOWN + 2, "{shown}");
    }
}
