//! How many bars a second a run takes: `cargo bench -p backtest`.

use backtest::{Prices, Profile, Spec, Strategy, run};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

const BARS: usize = 1_000_000;
const MINUTE: i64 = 60_000_000_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [(Profile::Barkeep, 10, 20), (Profile::Barkeep, 50, 200), (Profile::Btpy06, 10, 20)])]
fn sma_cross(bencher: Bencher<'_, '_>, (profile, fast, slow): (Profile, u32, u32)) {
    let times: Vec<i64> = (0..BARS as i64).map(|bar| bar * MINUTE).collect();
    let close = walk();
    let mut open = close.clone();
    open.rotate_right(1);
    let prices = Prices { times: &times, open: &open, high: &close, low: &close, close: &close, volume: &[] };
    let spec = Spec { strategy: Strategy::SmaCross { fast, slow }, profile, ..Spec::default() };
    bencher.counter(ItemsCount::new(BARS)).bench(|| run(black_box(&prices), &spec));
}

/// A random walk in hundredths around 1000, the same in every run.
fn walk() -> Vec<f64> {
    let mut state = 1_u64;
    let mut ticks = 100_000_i64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ticks = (ticks + (state >> 60) as i64 - 7).clamp(50_000, 150_000);
        ticks as f64 / 100.0
    };
    (0..BARS).map(step).collect()
}
