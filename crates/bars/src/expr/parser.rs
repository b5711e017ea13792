//! Words to a tree, by operator precedence.

use super::error::{ExprError, Span};
use super::lexer::{Token, Word, words};
use super::syntax::{Arithmetic, Comparison, Power, Syntax, SyntaxKind};

/// The longest text that is read, in bytes.
pub const MAX_BYTES: usize = 65_536;
/// The most levels of a tree; each costs some stack.
pub const MAX_DEPTH: usize = 100;

/// Words that have a meaning of their own and so name nothing, unless they stand in double quotes.
const RESERVED: [&str; 29] = [
    "and",
    "or",
    "not",
    "in",
    "between",
    "is",
    "null",
    "true",
    "false",
    "case",
    "when",
    "then",
    "else",
    "end",
    "extract",
    "from",
    "at",
    "time",
    "date",
    "timestamp",
    "interval",
    "cast",
    "like",
    "ilike",
    "select",
    "where",
    "as",
    "asc",
    "desc",
];

pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// Reads an expression of SQL's grammar.
///
/// # Errors
/// What is wrong and where, if it is not one, or if it is longer than [`MAX_BYTES`] or deeper than [`MAX_DEPTH`].
pub fn parse(text: &str) -> Result<Syntax, ExprError> {
    if text.len() > MAX_BYTES {
        let what = format!("the expression has {} bytes, more than {MAX_BYTES}", text.len());
        let shown: String = text.chars().take(200).collect();
        return Err(ExprError::new(&shown, Span::new(0, 0), what).then("split it, or shorten its lists"));
    }
    let mut parser = Parser { text, tokens: words(text)?, at: 0, level: 0 };
    if parser.peek().word == Word::End {
        return Err(parser
            .error(parser.peek().span, "the expression is empty")
            .then("for example `close > 100`"));
    }
    let syntax = parser.expression(Power::Or)?;
    match parser.peek().word {
        Word::End => Ok(syntax),
        _ => Err(parser.unexpected("an operator such as `AND`, or the end")),
    }
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    pub(super) at: usize,
    level: usize,
}

impl Parser<'_> {
    /// An expression whose operators hold at least as strongly as `power`.
    pub(super) fn expression(&mut self, power: Power) -> Result<Syntax, ExprError> {
        self.level += 1;
        let too_deep = self.level > MAX_DEPTH;
        let result = if too_deep { Err(self.too_deep(self.peek().span)) } else { self.operators(power) };
        self.level -= 1;
        result
    }

    fn operators(&mut self, power: Power) -> Result<Syntax, ExprError> {
        let mut left = self.prefix()?;
        loop {
            let Some(next) = self.infix_power().filter(|next| *next >= power) else { return Ok(left) };
            left = match next {
                Power::Or => self.chain("or", Power::And, left, SyntaxKind::Or)?,
                Power::And => self.chain("and", Power::Not, left, SyntaxKind::And)?,
                Power::Comparison => self.comparison(left)?,
                Power::Zone => self.at_zone(left)?,
                _ => self.arithmetic(left)?,
            };
            if left.depth > MAX_DEPTH {
                return Err(self.too_deep(left.span));
            }
        }
    }

    /// How strongly the operator holds that comes next.
    fn infix_power(&self) -> Option<Power> {
        match &self.peek().word {
            Word::Symbol(symbol) => arithmetic(symbol)
                .map(Arithmetic::power)
                .or_else(|| comparison(symbol).map(|_| Power::Comparison)),
            Word::Name(name) => match name.to_ascii_lowercase().as_str() {
                "or" => Some(Power::Or),
                "and" => Some(Power::And),
                "between" | "in" | "is" | "not" | "like" | "ilike" => Some(Power::Comparison),
                "at" => Some(Power::Zone),
                _ => None,
            },
            _ => None,
        }
    }

    fn chain(
        &mut self,
        word: &str,
        power: Power,
        first: Syntax,
        kind: fn(Vec<Syntax>) -> SyntaxKind,
    ) -> Result<Syntax, ExprError> {
        let mut terms = vec![first];
        while self.eat(word) {
            terms.push(self.expression(power)?);
        }
        let span = terms[0].span.to(terms[terms.len() - 1].span);
        Ok(Syntax::new(kind(terms), span))
    }

    fn arithmetic(&mut self, left: Syntax) -> Result<Syntax, ExprError> {
        let token = self.next();
        let Word::Symbol(symbol) = token.word else { return Err(self.unexpected("an operator")) };
        let Some(operator) = arithmetic(symbol) else { return Err(self.unexpected("an operator")) };
        let above = if operator.power() == Power::Sum { Power::Product } else { Power::Sign };
        let right = self.expression(above)?;
        let span = left.span.to(right.span);
        Ok(Syntax::new(SyntaxKind::Arithmetic(operator, Box::new(left), Box::new(right)), span))
    }

    fn comparison(&mut self, left: Syntax) -> Result<Syntax, ExprError> {
        let token = self.next();
        let made = match &token.word {
            Word::Symbol(symbol) => {
                let Some(operator) = comparison(symbol) else { return Err(self.unexpected("an operator")) };
                let right = self.expression(Power::Sum)?;
                let span = left.span.to(right.span);
                Syntax::new(SyntaxKind::Compare(operator, Box::new(left), Box::new(right)), span)
            }
            Word::Name(name) if name.eq_ignore_ascii_case("is") => self.is_null(left)?,
            Word::Name(name) if name.eq_ignore_ascii_case("not") => {
                let next = self.next();
                self.between_or_in(left, &next, true)?
            }
            _ => self.between_or_in(left, &token, false)?,
        };
        if self.infix_power() == Some(Power::Comparison) {
            return Err(self
                .error(self.peek().span, "comparisons cannot be chained")
                .then("join two comparisons with AND, as in `1 < close AND close < 2`, or use BETWEEN"));
        }
        Ok(made)
    }

    fn between_or_in(&mut self, value: Syntax, operator: &Token, negated: bool) -> Result<Syntax, ExprError> {
        let start = value.span;
        let Word::Name(name) = &operator.word else {
            return Err(self.error(operator.span, "after a value, `NOT` is followed by BETWEEN or IN"));
        };
        match name.to_ascii_lowercase().as_str() {
            "between" => {
                let low = self.expression(Power::Sum)?;
                self.expect("and", "`AND` between the two ends of BETWEEN")?;
                let high = self.expression(Power::Sum)?;
                let span = start.to(high.span);
                Ok(Syntax::new(SyntaxKind::Between(Box::new([value, low, high]), negated), span))
            }
            "in" => {
                self.expect_symbol("(", "a list in parentheses after IN")?;
                let (list, end) = self.list()?;
                if list.is_empty() {
                    return Err(self.error(operator.span.to(end), "the list after IN is empty"));
                }
                Ok(Syntax::new(SyntaxKind::In(Box::new(value), list, negated), start.to(end)))
            }
            "like" | "ilike" => Err(self
                .error(operator.span, "there is no text to match with LIKE")
                .then("compare numbers and times with =, <, BETWEEN or IN")),
            _ => Err(self.error(operator.span, "after a value, `NOT` is followed by BETWEEN or IN")),
        }
    }

    fn is_null(&mut self, value: Syntax) -> Result<Syntax, ExprError> {
        let negated = self.eat("not");
        let null = self.peek().span;
        self.expect("null", "`NULL` or `NOT NULL` after IS")?;
        let span = value.span.to(null);
        Ok(Syntax::new(SyntaxKind::IsNull(Box::new(value), negated), span))
    }

    fn at_zone(&mut self, value: Syntax) -> Result<Syntax, ExprError> {
        self.next();
        self.expect("time", "`TIME ZONE` after AT")?;
        self.expect("zone", "`ZONE` after AT TIME")?;
        let token = self.next();
        let Word::Text(zone) = token.word else {
            return Err(self
                .error(token.span, "a time zone stands in single quotes")
                .then("as in `AT TIME ZONE 'America/New_York'`"));
        };
        let span = value.span.to(token.span);
        Ok(Syntax::new(SyntaxKind::AtZone(Box::new(value), zone), span))
    }

    pub(super) fn peek(&self) -> &Token {
        // The last token is the end, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        let found = matches!(&self.peek().word, Word::Name(name) if name.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(&self.peek().word, Word::Symbol(found) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, keyword: &str, expected: &str) -> Result<(), ExprError> {
        if self.eat(keyword) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str, expected: &str) -> Result<(), ExprError> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    pub(super) fn unexpected(&self, expected: &str) -> ExprError {
        let token = self.peek();
        let what = match &token.word {
            Word::End => "the expression ends too early".to_owned(),
            _ => format!("`{}` does not fit here", &self.text[token.span.start..token.span.end]),
        };
        self.error(token.span, what).then(format!("expected {expected}"))
    }

    fn too_deep(&self, span: Span) -> ExprError {
        self.error(span, format!("the expression is nested more than {MAX_DEPTH} levels deep"))
            .then("take parentheses away, or split it")
    }

    pub(super) fn error(&self, span: Span, what: impl Into<String>) -> ExprError {
        ExprError::new(self.text, span, what)
    }
}

fn arithmetic(symbol: &str) -> Option<Arithmetic> {
    Some(match symbol {
        "+" => Arithmetic::Add,
        "-" => Arithmetic::Subtract,
        "*" => Arithmetic::Multiply,
        "/" => Arithmetic::Divide,
        "%" => Arithmetic::Remainder,
        _ => return None,
    })
}

fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "=" => Comparison::Equal,
        "<>" | "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}
