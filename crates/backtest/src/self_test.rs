//! Proof that a strategy does not look ahead: later bars are changed, and what happened before must stay as it was.

use serde::{Deserialize, Serialize};

use crate::{BacktestError, Market, Prices, Report, Spec};

/// What changing later bars did to what happened before them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// At how many bars the future was changed.
    pub cuts: u32,
    /// The first bar that did not stay as it was, and the cut that showed it.
    pub looked_ahead: Option<LookAhead>,
}

/// A run that depended on bars it could not know.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookAhead {
    /// The bar whose fill or equity changed.
    pub bar: u32,
    /// The first bar whose prices were changed.
    pub changed_from: u32,
}

/// Runs a spec again and again with other prices from some bar on, and compares all fills and the equity before it.
///
/// The compatible profile does look ahead in some corners, and says so among its assumptions; this finds it.
///
/// # Errors
/// A [`BacktestError`] if the spec cannot be run over these bars.
pub fn self_test(prices: Prices<'_>, spec: &Spec, cuts: u32) -> Result<SelfTest, BacktestError> {
    self_test_with(prices, cuts, |prices| Market::new(prices)?.run(spec))
}

/// The same for any way of running, such as a [`Trader`](crate::Trader) of one's own, which must be new for each run.
///
/// # Errors
/// Whatever the first run returns; a run over changed prices that fails is passed over.
pub fn self_test_with(
    prices: Prices<'_>,
    cuts: u32,
    mut run: impl FnMut(Prices<'_>) -> Result<Report, BacktestError>,
) -> Result<SelfTest, BacktestError> {
    let report = run(prices)?;
    let (first, bars) = (report.first_bar as usize, prices.len());
    let mut looked_ahead = None;
    let mut made = 0;
    for cut in 1..=u64::from(cuts) {
        let from = first + ((bars - first) as u64 * cut / (u64::from(cuts) + 1)) as usize;
        for change in [turned as Change, scattered] {
            let changed = Changed::of(prices, from, change);
            if let Ok(other) = run(changed.prices(prices))
                && let Some(bar) = difference(&report, &other, from)
            {
                looked_ahead = looked_ahead.or(Some(LookAhead { bar, changed_from: from as u32 }));
            }
        }
        made += 1;
    }
    Ok(SelfTest { cuts: made, looked_ahead })
}

/// The first bar before `from` on which two reports differ.
fn difference(one: &Report, other: &Report, from: usize) -> Option<u32> {
    let equity = (0..from).find(|bar| one.equity[*bar].to_bits() != other.equity[*bar].to_bits());
    let before = |report: &Report| -> Vec<crate::Execution> {
        report.executions.iter().filter(|fill| (fill.bar as usize) < from).copied().collect()
    };
    let (fills, others) = (before(one), before(other));
    let fill =
        (0..fills.len().max(others.len())).find(|at| fills.get(*at) != others.get(*at)).and_then(|at| {
            let bar = |fills: &[crate::Execution]| fills.get(at).map(|fill| fill.bar);
            bar(&fills).into_iter().chain(bar(&others)).min()
        });
    equity.map(|bar| bar as u32).into_iter().chain(fill).min()
}

/// Changes a price at so many bars after the cut.
type Change = fn(f64, usize) -> f64;

/// Falls where it rose: a mirrored path stays positive.
fn turned(price: f64, _: usize) -> f64 {
    1e4 / price
}

/// A third up or down by turns of some bars, so that every rule is touched.
fn scattered(price: f64, after: usize) -> f64 {
    price * if (after / 3).is_multiple_of(2) { 1.33 } else { 0.75 }
}

/// Prices with another end.
struct Changed([Vec<f64>; 5]);

impl Changed {
    fn of(prices: Prices<'_>, from: usize, change: Change) -> Self {
        let column = |values: &[f64]| -> Vec<f64> {
            let changed = values[from..].iter().enumerate().map(|(after, value)| change(*value, after));
            values[..from].iter().copied().chain(changed).collect()
        };
        let (open, close) = (column(prices.open), column(prices.close));
        let (mut high, mut low) = (column(prices.high), column(prices.low));
        for bar in from..prices.len() {
            // A mirrored high is the low.
            let all = [open[bar], close[bar], high[bar], low[bar]];
            high[bar] = all.into_iter().fold(f64::MIN, f64::max);
            low[bar] = all.into_iter().fold(f64::MAX, f64::min);
        }
        let mut volume = prices.volume.to_vec();
        if let Some(later) = volume.get_mut(from..) {
            later.iter_mut().for_each(|volume| *volume += 17.0);
        }
        Self([open, high, low, close, volume])
    }

    fn prices<'p>(&'p self, original: Prices<'p>) -> Prices<'p> {
        let [open, high, low, close, volume] = &self.0;
        Prices { times: original.times, open, high, low, close, volume }
    }
}
