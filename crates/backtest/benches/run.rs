//! How many bars a second a run takes, and how long a sweep: `cargo bench -p backtest`.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use backtest::{Axis, Distance, Exits, Market, Prices, Profile, Rules, Space, Spec, Strategy, Sweep, run};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

const BARS: usize = 1_000_000;
const MINUTE: i64 = 60_000_000_000;

fn main() {
    divan::main();
}

/// A whole report of two moving averages over a million one-minute bars: checks, indicators, fills, equity, statistics, digest.
#[divan::bench(args = [(Profile::Barkeep, 10, 20), (Profile::Barkeep, 50, 200), (Profile::Btpy06, 10, 20)])]
fn sma_cross(bencher: Bencher<'_, '_>, (profile, fast, slow): (Profile, u32, u32)) {
    let walk = Walk::new(BARS);
    let spec = Spec { strategy: Strategy::SmaCross { fast, slow }, profile, ..Spec::default() };
    bencher.counter(ItemsCount::new(BARS)).bench(|| run(black_box(&walk.prices()), &spec));
}

/// The same with stop and target on every trade.
#[divan::bench]
fn with_brackets(bencher: Bencher<'_, '_>) {
    let walk = Walk::new(BARS);
    let (stop, target) = (Some(Distance::Share(0.01)), Some(Distance::Share(0.02)));
    let exits = Exits { stop, target, ..Exits::default() };
    let spec = Spec { strategy: Strategy::SmaCross { fast: 50, slow: 200 }, exits, ..Spec::default() };
    bencher.counter(ItemsCount::new(BARS)).bench(|| run(black_box(&walk.prices()), &spec));
}

/// The same rule typed by a user.
#[divan::bench]
fn typed_rules(bencher: Bencher<'_, '_>) {
    let walk = Walk::new(BARS);
    let rules = Rules {
        long: Some("crosses_above(sma(close, 50), sma(close, 200))".into()),
        short: Some("crosses_below(sma(close, 50), sma(close, 200))".into()),
        ..Rules::default()
    };
    let spec = Spec { strategy: Strategy::Rules(Box::new(rules)), ..Spec::default() };
    bencher.counter(ItemsCount::new(BARS)).bench(|| run(black_box(&walk.prices()), &spec));
}

/// One run of a sweep, its indicators computed before.
#[divan::bench]
fn score_with_known_indicators(bencher: Bencher<'_, '_>) {
    let walk = Walk::new(BARS);
    let spec = Spec { strategy: Strategy::SmaCross { fast: 50, slow: 200 }, ..Spec::default() };
    let mut market = Market::new(walk.prices()).unwrap();
    market.score(&spec).unwrap();
    bencher.counter(ItemsCount::new(BARS)).bench_local(|| market.score(black_box(&spec)));
}

/// A grid of 63 runs on 5,000 bars, from nothing.
#[divan::bench]
fn grid_of_63_on_5000_bars(bencher: Bencher<'_, '_>) {
    let walk = Walk::new(5000);
    let axes =
        vec![Axis::range("fast", 5.0, 30.0, 5.0).unwrap(), Axis::range("slow", 10.0, 70.0, 5.0).unwrap()];
    let space = Space { axes, constraints: vec!["fast < slow".into()], ..Space::default() };
    bencher.bench(|| {
        let mut market = Market::new(black_box(walk.prices())).unwrap();
        let sweep = Sweep::new(&Spec::default(), &space).unwrap();
        sweep.scores(0..sweep.len(), &mut market).count()
    });
}

/// A random walk in hundredths around 1000, the same in every run.
struct Walk {
    times: Vec<i64>,
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
}

impl Walk {
    fn new(bars: usize) -> Self {
        let mut state = 1_u64;
        let mut ticks = 100_000_i64;
        let mut draw = |shift: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> shift) as i64
        };
        let mut walk = Self { times: vec![], open: vec![], high: vec![], low: vec![], close: vec![] };
        for bar in 0..bars as i64 {
            let open = ticks;
            ticks = (ticks + draw(60) - 7).clamp(50_000, 150_000);
            let price = |ticks: i64| ticks as f64 / 100.0;
            walk.times.push(bar * MINUTE);
            walk.open.push(price(open));
            walk.high.push(price(open.max(ticks) + draw(62)));
            walk.low.push(price(open.min(ticks) - draw(62)));
            walk.close.push(price(ticks));
        }
        walk
    }

    fn prices(&self) -> Prices<'_> {
        let Self { times, open, high, low, close } = self;
        Prices { times, open, high, low, close, volume: &[] }
    }
}
