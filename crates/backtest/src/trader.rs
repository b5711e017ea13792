//! Who decides: a strategy of one's own in Rust, or a built-in one.

use crate::Desk;

/// A strategy that is asked at the close of bars and places orders.
///
/// It must look at bars up to [`Desk::bar`] only. To check that, run it with [`self_test_with`](crate::self_test_with).
///
/// ```
/// use backtest::{Desk, Market, Prices, Spec, Trader};
/// /// Buys after a rising bar, leaves after a falling one.
/// struct Follow;
/// impl Trader for Follow {
///     fn decide(&mut self, desk: &mut Desk<'_, '_>) {
///         let (bars, bar) = (desk.prices(), desk.bar());
///         match bars.close[bar] > bars.open[bar] {
///             true if desk.position() == 0.0 => desk.buy(),
///             false => desk.close_all(Default::default()),
///             true => {}
///         }
///     }
/// }
/// let (open, close) = ([1.0, 2.0, 4.0, 4.0], [2.0, 4.0, 3.0, 4.0]);
/// let times = [0, 1, 2, 3].map(|day| day * bars::DAY);
/// let prices = Prices { times: &times, open: &open, high: &close, low: &open, close: &close, volume: &[] };
/// let report = Market::new(prices)?.run_trader(&mut Follow, &Spec::default())?;
/// assert_eq!((report.trades[0].entry_price, report.trades[0].exit_price), (2.0, 4.0));
/// # Ok::<(), backtest::BacktestError>(())
/// ```
pub trait Trader {
    /// Bars before the first on which it can decide.
    fn warm_up(&self) -> usize {
        0
    }

    /// The first bar from `from` on at which it has something to decide, as long as no order fills before; `None` for never.
    ///
    /// Bars in between are passed over quickly. Every bar unless overridden.
    fn next(&self, from: usize, desk: &Desk<'_, '_>) -> Option<usize> {
        let _ = desk;
        Some(from)
    }

    /// Decides at the close of [`Desk::bar`].
    fn decide(&mut self, desk: &mut Desk<'_, '_>);
}
