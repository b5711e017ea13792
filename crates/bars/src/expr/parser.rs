//! Words to a tree, by operator precedence.

use super::error::{ExprError, Span};
use super::lexer::{Token, Word, words};
use super::suggest::did_you_mean;
use super::syntax::{Arithmetic, Comparison, Moment, Power, Syntax, SyntaxKind};
use super::tree::Part;

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

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    level: usize,
}

impl Parser<'_> {
    /// An expression whose operators hold at least as strongly as `power`.
    fn expression(&mut self, power: Power) -> Result<Syntax, ExprError> {
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

    /// A value, with what stands before it.
    fn prefix(&mut self) -> Result<Syntax, ExprError> {
        let token = self.next();
        let span = token.span;
        match token.word {
            Word::Number(number) => Ok(Syntax::new(SyntaxKind::Number(number), span)),
            Word::Text(text) => Ok(Syntax::new(SyntaxKind::Text(text), span)),
            Word::Quoted(name) => self.named(name, span),
            Word::Symbol("(") => {
                let inner = self.expression(Power::Or)?;
                let end = self.peek().span;
                self.expect_symbol(")", "`)`")?;
                Ok(Syntax { span: span.to(end), ..inner })
            }
            Word::Symbol("-") => {
                let inner = self.expression(Power::Sign)?;
                let span = span.to(inner.span);
                Ok(Syntax::new(SyntaxKind::Negate(Box::new(inner)), span))
            }
            Word::Symbol("+") => self.expression(Power::Sign),
            Word::Name(name) if is_reserved(&name) => self.keyword(&name.to_ascii_lowercase(), span),
            Word::Name(name) => self.named(name.to_lowercase(), span),
            _ => {
                self.at -= 1;
                Err(self.unexpected("a value: a column, a number, a time in quotes or `(`"))
            }
        }
    }

    fn named(&mut self, name: String, span: Span) -> Result<Syntax, ExprError> {
        if !self.eat_symbol("(") {
            return Ok(Syntax::new(SyntaxKind::Name(name), span));
        }
        let (args, end) = self.list()?;
        Ok(Syntax::new(SyntaxKind::Call(name, args), span.to(end)))
    }

    fn keyword(&mut self, keyword: &str, span: Span) -> Result<Syntax, ExprError> {
        match keyword {
            "not" => {
                let inner = self.expression(Power::Not)?;
                let span = span.to(inner.span);
                Ok(Syntax::new(SyntaxKind::Not(Box::new(inner)), span))
            }
            "true" | "false" => Ok(Syntax::new(SyntaxKind::Boolean(keyword == "true"), span)),
            "case" => self.case(span),
            "extract" => self.extract(span),
            "date" | "time" | "timestamp" => self.moment(keyword, span),
            "null" => Err(self
                .error(span, "there is no NULL here: every bar has every value")
                .then("leave the comparison out; a missing bar is a missing row")),
            "interval" => Err(self
                .error(span, "INTERVAL is not known")
                .then("compare with a time: `ts >= '2024-01-08 14:30'`, or with a time of day: `time(ts) >= '14:30'`")),
            "cast" => Err(self.error(span, "CAST is not needed").then("numbers are exact decimals, and text is read as the time it is compared with")),
            _ => {
                self.at -= 1;
                Err(self.unexpected("a value: a column, a number, a time in quotes or `(`"))
            }
        }
    }

    /// `DATE '2024-01-08'`, or `date(ts)`.
    fn moment(&mut self, keyword: &str, span: Span) -> Result<Syntax, ExprError> {
        if let Word::Text(text) = &self.peek().word {
            let (text, end) = (text.clone(), self.next().span);
            let moment = Moment::ALL.into_iter().find(|moment| moment.as_str().eq_ignore_ascii_case(keyword));
            let kind = SyntaxKind::Moment(moment.unwrap_or(Moment::Timestamp), text);
            return Ok(Syntax::new(kind, span.to(end)));
        }
        if self.peek().word == Word::Symbol("(") {
            return self.named(keyword.to_owned(), span);
        }
        Err(self
            .error(span, format!("`{keyword}` is followed by a text or by `(`"))
            .then(format!("as in `{keyword}(ts)`; the columns of time are ts, ts_event and ts_init")))
    }

    fn extract(&mut self, span: Span) -> Result<Syntax, ExprError> {
        const FORM: &str = "as in `EXTRACT(hour FROM ts)`";
        self.expect_symbol("(", FORM)?;
        let token = self.next();
        let (Word::Name(name) | Word::Text(name)) = token.word else {
            return Err(self.error(token.span, "EXTRACT needs a part of a time").then(FORM));
        };
        let name = name.to_lowercase();
        if Part::of(&name).is_none() {
            let known = Part::NAMES.iter().map(|(name, _)| *name);
            return Err(did_you_mean(
                self.error(token.span, format!("`{name}` is not a part of a time")),
                &name,
                known,
            ));
        }
        self.expect("from", FORM)?;
        let value = self.expression(Power::Or)?;
        let end = self.peek().span;
        self.expect_symbol(")", "`)`")?;
        Ok(Syntax::new(SyntaxKind::Call(name, vec![value]), span.to(end)))
    }

    fn case(&mut self, span: Span) -> Result<Syntax, ExprError> {
        let mut branches = Vec::new();
        while self.eat("when") {
            let when = self.expression(Power::Or)?;
            self.expect("then", "`THEN` after the condition of WHEN")?;
            branches.push((when, self.expression(Power::Or)?));
        }
        if branches.is_empty() {
            return Err(self.unexpected("`WHEN`, as in `CASE WHEN close > open THEN 1 ELSE 0 END`"));
        }
        if !self.eat("else") {
            return Err(self.unexpected("`WHEN`, or `ELSE`, which is needed because there is no NULL"));
        }
        let otherwise = Box::new(self.expression(Power::Or)?);
        let end = self.peek().span;
        self.expect("end", "`END` after ELSE")?;
        Ok(Syntax::new(SyntaxKind::Case(branches, otherwise), span.to(end)))
    }

    /// What stands between parentheses, up to and with the closing one.
    fn list(&mut self) -> Result<(Vec<Syntax>, Span), ExprError> {
        let mut items = Vec::new();
        let first = self.peek().span;
        if self.eat_symbol(")") {
            return Ok((items, first));
        }
        loop {
            items.push(self.expression(Power::Or)?);
            let end = self.peek().span;
            if self.eat_symbol(")") {
                return Ok((items, end));
            }
            self.expect_symbol(",", "`,` or `)`")?;
        }
    }

    fn peek(&self) -> &Token {
        // The last token is the end, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn eat(&mut self, keyword: &str) -> bool {
        let found = matches!(&self.peek().word, Word::Name(name) if name.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(&self.peek().word, Word::Symbol(found) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, keyword: &str, expected: &str) -> Result<(), ExprError> {
        if self.eat(keyword) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn expect_symbol(&mut self, symbol: &str, expected: &str) -> Result<(), ExprError> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &str) -> ExprError {
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

    fn error(&self, span: Span, what: impl Into<String>) -> ExprError {
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
