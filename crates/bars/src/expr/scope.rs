//! What the caller of the language provides: names, functions and their types.

use super::tree::Type;

/// Names and functions that an expression may use besides the language's own.
///
/// ```
/// use bars::expr::{Expression, Function, Param, Scope, Type};
/// let scope = Scope::default().with_name("close", Type::Number).with_function(Function {
///     name: "sma".into(),
///     params: vec![Param::series("series", Type::Number), Param::constant("period", Type::Number)],
///     required: 2,
///     result: Type::Number,
/// });
/// assert!(Expression::condition("close > sma(close, 20)", &scope).is_ok());
/// assert!(Expression::condition("close > sma(close, close)", &scope).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(super) names: Vec<Name>,
    pub(super) functions: Vec<Function>,
}

/// A name: a column, or a parameter.
#[derive(Clone, Debug)]
pub struct Name {
    /// As it is written; lower case.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it has one value for all rows, as a parameter has.
    pub constant: bool,
}

/// A function of the caller.
#[derive(Clone, Debug)]
pub struct Function {
    /// As it is written; lower case.
    pub name: String,
    /// What it takes, in order.
    pub params: Vec<Param>,
    /// How many of them must be given; the others may be left out from the end.
    pub required: usize,
    /// What it gives.
    pub result: Type,
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct Param {
    /// For messages.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it must have one value for all rows.
    pub constant: bool,
}

impl Param {
    /// A parameter that may differ from row to row.
    pub fn series(name: &str, ty: Type) -> Self {
        Self { name: name.to_owned(), ty, constant: false }
    }

    /// A parameter with one value for all rows, such as a period.
    pub fn constant(name: &str, ty: Type) -> Self {
        Self { name: name.to_owned(), ty, constant: true }
    }
}

impl Function {
    /// How it is called: `sma(series, period)`.
    pub fn usage(&self) -> String {
        let name = |(at, param): (usize, &Param)| {
            if at < self.required { param.name.clone() } else { format!("[{}]", param.name) }
        };
        let params: Vec<String> = self.params.iter().enumerate().map(name).collect();
        format!("{}({})", self.name, params.join(", "))
    }
}

impl Scope {
    /// With a column. Columns are numbered in the order they are added.
    #[must_use]
    pub fn with_name(mut self, name: &str, ty: Type) -> Self {
        self.names.push(Name { name: name.to_owned(), ty, constant: false });
        self
    }

    /// With a name that has one value for all rows; numbered like columns.
    #[must_use]
    pub fn with_constant(mut self, name: &str, ty: Type) -> Self {
        self.names.push(Name { name: name.to_owned(), ty, constant: true });
        self
    }

    /// With a function. Functions are numbered in the order they are added.
    #[must_use]
    pub fn with_function(mut self, function: Function) -> Self {
        self.functions.push(function);
        self
    }

    /// The names, by number.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The functions, by number.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }
}
