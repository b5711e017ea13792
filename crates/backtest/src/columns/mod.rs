//! Columns computed from the prices, each once: what strategies and rules are made of.
//!
//! A [`Node`] says how a column follows from others; [`Columns`] numbers equal nodes once and keeps what was computed, so that
//! the runs of a sweep share their indicators. Every node looks at its own bar and earlier ones only: there is no way to
//! write down a look into the future ([`Windowed::MeanFilledBack`], a quirk of the reference, is the exception and no rule
//! can name it).

mod compute;
mod mask;
mod node;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

pub(crate) use mask::{Mask, Ties};
pub(crate) use node::{Binary, Clock, Compare, Id, Node, Source, Unary, Windowed};

use crate::Prices;
use crate::indicators::Seed;

/// Bytes of computed columns that are kept by default.
const BUDGET_BYTES: usize = 256 << 20;

/// Numbered nodes and what was computed of them.
pub(crate) struct Columns<'a> {
    prices: Prices<'a>,
    nodes: Vec<Node>,
    numbers: HashMap<Node, Id>,
    values: Vec<Option<Value<'a>>>,
    /// The columns that are computed, each with the run that used it last.
    computed: Vec<(Id, u64)>,
    run: u64,
    budget_bytes: usize,
}

/// Nodes that are remembered; a sweep over pairs of parameters makes new ones for every pair.
const MAX_NODES: usize = 50_000;

/// A computed column.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// One number for all bars.
    Constant(f64),
    /// A number a bar.
    Numbers(Numbers<'a>),
    /// A condition.
    Condition(Arc<Mask>),
}

/// A number a bar: the caller's own column, or one that was computed.
#[derive(Clone, Debug)]
pub(crate) enum Numbers<'a> {
    Given(&'a [f64]),
    Computed(Arc<Vec<f64>>),
}

impl Deref for Numbers<'_> {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        match self {
            Self::Given(numbers) => numbers,
            Self::Computed(numbers) => numbers,
        }
    }
}

impl From<Vec<f64>> for Numbers<'_> {
    fn from(numbers: Vec<f64>) -> Self {
        Self::Computed(Arc::new(numbers))
    }
}

impl<'a> Columns<'a> {
    pub(crate) fn new(prices: Prices<'a>) -> Self {
        Self {
            prices,
            nodes: Vec::new(),
            numbers: HashMap::new(),
            values: Vec::new(),
            computed: Vec::new(),
            run: 0,
            budget_bytes: BUDGET_BYTES,
        }
    }

    /// Keeps at most so many bytes of columns between runs.
    pub(crate) fn set_budget(&mut self, bytes: usize) {
        self.budget_bytes = bytes;
    }

    /// The number of a node.
    pub(crate) fn put(&mut self, node: Node) -> Id {
        if let Some(id) = self.numbers.get(&node) {
            return *id;
        }
        let node = self.folded(node);
        if let Some(id) = self.numbers.get(&node) {
            return *id;
        }
        let id = Id(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        self.values.push(None);
        self.numbers.insert(node, id);
        id
    }

    pub(crate) fn node(&self, id: Id) -> Node {
        self.nodes[id.0 as usize]
    }

    /// What numbers make of numbers is a number.
    fn folded(&self, node: Node) -> Node {
        let constant = |id: Id| match self.node(id) {
            Node::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        };
        let number = match node {
            Node::Unary(function, a) => constant(a).map(|a| function.of(a)),
            Node::Binary(function, a, b) => constant(a).zip(constant(b)).map(|(a, b)| function.of(a, b)),
            _ => None,
        };
        number.map_or(node, |number| Node::Constant(number.to_bits()))
    }

    /// Bars before the first on which a column and everything it is made of has a value.
    pub(crate) fn warm_up(&self, id: Id) -> u64 {
        let node = self.node(id);
        node.lookback() + node.inputs().map(|input| self.warm_up(input)).max().unwrap_or(0)
    }

    /// A column of numbers or the number it is.
    pub(crate) fn value(&mut self, id: Id) -> Value<'a> {
        if let Some(value) = &self.values[id.0 as usize] {
            let value = value.clone();
            if self.node(id).is_worth_keeping() {
                self.computed
                    .iter_mut()
                    .filter(|(known, _)| *known == id)
                    .for_each(|(_, run)| *run = self.run);
            }
            return value;
        }
        let value = self.compute(self.node(id));
        self.keep(id, value.clone());
        value
    }

    fn keep(&mut self, id: Id, value: Value<'a>) {
        self.values[id.0 as usize] = Some(value);
        self.computed.push((id, self.run));
    }

    /// A condition.
    pub(crate) fn condition(&mut self, id: Id) -> Arc<Mask> {
        match self.value(id) {
            Value::Condition(mask) => mask,
            Value::Constant(_) | Value::Numbers(_) => Arc::new(Mask::all(self.prices.times.len(), false)),
        }
    }

    /// Begins another run: forgets what is quickly computed again, and of the rest what was used longest ago if it became too much.
    pub(crate) fn begin(&mut self) {
        self.run += 1;
        if self.nodes.len() > MAX_NODES {
            *self = Self { budget_bytes: self.budget_bytes, ..Self::new(self.prices) };
        }
        let (nodes, values) = (&self.nodes, &mut self.values);
        self.computed.retain(|(id, _)| {
            let keep = nodes[id.0 as usize].is_worth_keeping();
            if !keep {
                values[id.0 as usize] = None;
            }
            keep
        });
        self.computed.sort_unstable_by_key(|(_, run)| std::cmp::Reverse(*run));
        let column_bytes = self.prices.len() * size_of::<f64>();
        let most = self.budget_bytes.checked_div(column_bytes).unwrap_or(usize::MAX);
        for (id, _) in self.computed.drain(most.min(self.computed.len())..) {
            self.values[id.0 as usize] = None;
        }
    }
}

/// Shorthands for building.
impl Columns<'_> {
    pub(crate) fn source(&mut self, source: Source) -> Id {
        self.put(Node::Source(source))
    }

    pub(crate) fn close(&mut self) -> Id {
        self.source(Source::Close)
    }

    pub(crate) fn constant(&mut self, number: f64) -> Id {
        self.put(Node::Constant(number.to_bits()))
    }

    pub(crate) fn windowed(&mut self, function: Windowed, of: Id, window: u32) -> Id {
        self.put(Node::Windowed(function, of, window))
    }

    pub(crate) fn ema(&mut self, of: Id, window: u32) -> Id {
        self.windowed(Windowed::Ema(Seed::Sma), of, window)
    }

    pub(crate) fn binary(&mut self, function: Binary, left: Id, right: Id) -> Id {
        self.put(Node::Binary(function, left, right))
    }

    pub(crate) fn plus(&mut self, left: Id, right: Id) -> Id {
        self.binary(Binary::Add, left, right)
    }

    pub(crate) fn minus(&mut self, left: Id, right: Id) -> Id {
        self.binary(Binary::Subtract, left, right)
    }

    /// A number times a column.
    pub(crate) fn times(&mut self, factor: f64, column: Id) -> Id {
        let factor = self.constant(factor);
        self.binary(Binary::Multiply, factor, column)
    }

    pub(crate) fn not(&mut self, condition: Id) -> Id {
        self.put(Node::Not(condition))
    }

    /// Whether some column is made of the volume.
    pub(crate) fn has_volume(&self) -> bool {
        self.numbers.contains_key(&Node::Source(Source::Volume)) || self.numbers.contains_key(&Node::Vwap)
    }

    /// `left` lies above `right`.
    pub(crate) fn above(&mut self, left: Id, right: Id) -> Id {
        self.put(Node::Compare(Compare::Less, right, left))
    }

    pub(crate) fn below(&mut self, left: Id, right: Id) -> Id {
        self.above(right, left)
    }

    pub(crate) fn and(&mut self, left: Id, right: Id) -> Id {
        self.put(Node::And(left, right))
    }

    /// Wilder's average true range.
    pub(crate) fn atr(&mut self, window: u32) -> Id {
        let range = self.put(Node::TrueRange);
        self.windowed(Windowed::Wilder, range, window)
    }
}
