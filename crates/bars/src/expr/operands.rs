//! What stands between operators: literals, names, calls, and forms that begin with a keyword.

use super::error::{ExprError, Span};
use super::lexer::Word;
use super::parser::{Parser, is_reserved};
use super::suggest::did_you_mean;
use super::syntax::{Moment, Power, Syntax, SyntaxKind};
use super::tree::Part;

impl Parser<'_> {
    /// A value, with what stands before it.
    pub(super) fn prefix(&mut self) -> Result<Syntax, ExprError> {
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
    pub(super) fn list(&mut self) -> Result<(Vec<Syntax>, Span), ExprError> {
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
}
