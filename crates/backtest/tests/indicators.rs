//! Every indicator against a naive computation of its definition, and its two forms against each other.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use backtest::indicators::{
    Atr, Band, Bollinger, Degrees, Deviation, Ema, Highest, Hlc, Indicator, Keltner, Lowest, Macd, Rsi, Seed,
    Sma, Stochastic, Vwap, Wilder, Wma, atr, bollinger, deviation, ema, highest, keltner, lag, lowest, macd,
    roc, rsi, sma, stochastic, true_range, vwap, wilder, wma,
};

/// Bars of a random walk in hundredths, the same in every run.
struct Walk {
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume: Vec<f64>,
}

impl Walk {
    fn new(bars: usize) -> Self {
        let mut state = 7_u64;
        let mut draw = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % (most + 1)
        };
        let mut walk = Self { high: vec![], low: vec![], close: vec![], volume: vec![] };
        let mut ticks = 10_000_i64;
        for _ in 0..bars {
            ticks = (ticks + draw(40) as i64 - 20).max(100);
            walk.close.push(ticks as f64 / 100.0);
            walk.high.push((ticks + draw(15) as i64) as f64 / 100.0);
            walk.low.push((ticks - draw(15) as i64) as f64 / 100.0);
            walk.volume.push(draw(9) as f64);
        }
        walk
    }

    fn bar(&self, at: usize) -> Hlc {
        Hlc { high: self.high[at], low: self.low[at], close: self.close[at] }
    }

    fn columns(&self) -> [&[f64]; 3] {
        [&self.high, &self.low, &self.close]
    }
}

const BARS: usize = 400;

/// Values that are defined from row `first` on and there follow `naive`.
fn check(name: &str, found: &[f64], first: usize, naive: impl Fn(usize) -> f64) {
    assert_eq!(found.len(), BARS, "{name}");
    for (row, found) in found.iter().enumerate() {
        if row < first {
            assert!(
                found.is_nan(),
                "{name}: row {row} is {found}, before there is enough to compute it from"
            );
        } else {
            let expected = naive(row);
            let near = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
            assert!(near, "{name}: row {row}: {found} is not {expected}");
        }
    }
}

fn same(name: &str, left: &[f64], right: &[f64]) {
    let bits = |column: &[f64]| column.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(left), bits(right), "{name}: fed one by one and as a column");
}

fn fed<I: Indicator<Input = f64, Output = f64>>(mut indicator: I, values: &[f64]) -> Vec<f64> {
    values.iter().map(|&value| indicator.push(value)).collect()
}

fn window(values: &[f64], row: usize, length: u32) -> &[f64] {
    &values[row + 1 - length as usize..=row]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn averages() {
    let walk = Walk::new(BARS);
    let close = &walk.close;
    for n in [1, 2, 7, 20, 63] {
        let first = n as usize - 1;
        check("sma", &sma(close, n), first, |row| mean(window(close, row, n)));
        check("wma", &wma(close, n), first, |row| {
            let weigh = |(place, value): (usize, &f64)| (place + 1) as f64 * value;
            let weights = f64::from(n * (n + 1) / 2);
            window(close, row, n).iter().enumerate().map(weigh).sum::<f64>() / weights
        });
        // An exponential average in closed form: each value weighs (1 - a) to the power of its age.
        let alpha = 2.0 / (f64::from(n) + 1.0);
        let from = |start: usize, begun: f64, alpha: f64, row: usize| {
            let aged = |age: usize| (1.0 - alpha).powi(age as i32);
            let rest: f64 = (start + 1..=row).map(|at| alpha * aged(row - at) * close[at]).sum();
            rest + aged(row - start) * begun
        };
        let begun = mean(&close[..n as usize]);
        check("ema by sma", &ema(close, n, Seed::Sma), first, |row| from(first, begun, alpha, row));
        check("ema by first", &ema(close, n, Seed::First), 0, |row| from(0, close[0], alpha, row));
        check("wilder", &wilder(close, n), first, |row| from(first, begun, 1.0 / f64::from(n), row));
        same("sma", &sma(close, n), &fed(Sma::new(n), close));
        same("wma", &wma(close, n), &fed(Wma::new(n), close));
        same("wilder", &wilder(close, n), &fed(Wilder::new(n), close));
        for seed in [Seed::Sma, Seed::First] {
            same("ema", &ema(close, n, seed), &fed(Ema::new(n, seed), close));
        }
    }
}

#[test]
fn spreads_and_extremes() {
    let walk = Walk::new(BARS);
    let close = &walk.close;
    let spread = |row: usize, n: u32, less: f64| {
        let values = window(close, row, n);
        let center = mean(values);
        let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
        (squares / (f64::from(n) - less)).sqrt()
    };
    for n in [2, 5, 20, 63] {
        let first = n as usize - 1;
        check("population", &deviation(close, n, Degrees::Population), first, |row| spread(row, n, 0.0));
        check("sample", &deviation(close, n, Degrees::Sample), first, |row| spread(row, n, 1.0));
        let fold =
            |row, pick: fn(f64, f64) -> f64| window(close, row, n).iter().copied().reduce(pick).unwrap();
        check("highest", &highest(close, n), first, |row| fold(row, f64::max));
        check("lowest", &lowest(close, n), first, |row| fold(row, f64::min));
        let bands = bollinger(close, n, 2.5);
        let line = |pick: fn(&Band) -> f64| bands.iter().map(pick).collect::<Vec<_>>();
        check("upper", &line(|band| band.upper), first, |row| {
            mean(window(close, row, n)) + 2.5 * spread(row, n, 0.0)
        });
        check("lower", &line(|band| band.lower), first, |row| {
            mean(window(close, row, n)) - 2.5 * spread(row, n, 0.0)
        });
        same("middle", &line(|band| band.middle), &sma(close, n));
        for degrees in [Degrees::Population, Degrees::Sample] {
            same("deviation", &deviation(close, n, degrees), &fed(Deviation::new(n, degrees), close));
        }
        same("highest", &highest(close, n), &fed(Highest::new(n), close));
        same("lowest", &lowest(close, n), &fed(Lowest::new(n), close));
        let mut bands = Bollinger::new(n, 2.5);
        let fed: Vec<f64> = close.iter().map(|&value| bands.push(value).upper).collect();
        same("upper", &line(|band| band.upper), &fed);
    }
}

#[test]
fn ranges() {
    let walk = Walk::new(BARS);
    let [high, low, close] = walk.columns();
    let range = |row: usize| {
        let gaps = row
            .checked_sub(1)
            .map_or(0.0, |before| (high[row] - close[before]).abs().max((low[row] - close[before]).abs()));
        (high[row] - low[row]).max(gaps)
    };
    check("true range", &true_range(high, low, close), 0, range);
    let ranges: Vec<f64> = (0..BARS).map(range).collect();
    for n in [1, 5, 14] {
        let smoothed = |row: usize| {
            let mut value = mean(&ranges[..n as usize]);
            for range in &ranges[n as usize..=row] {
                value += (range - value) / f64::from(n);
            }
            value
        };
        check("atr", &atr(high, low, close, n), n as usize - 1, smoothed);
        let mut state = Atr::new(n);
        let fed: Vec<f64> = (0..BARS).map(|at| state.push(walk.bar(at))).collect();
        same("atr", &atr(high, low, close, n), &fed);
        let channel = keltner(walk.columns(), 20, n, 2.0);
        let mut state = Keltner::new(20, n, 2.0);
        let fed: Vec<f64> = (0..BARS).map(|at| state.push(walk.bar(at)).lower).collect();
        let lower: Vec<f64> = channel.iter().map(|band| band.lower).collect();
        same("keltner", &lower, &fed);
        let middle = ema(close, 20, Seed::Sma);
        check("keltner", &lower, 19, |row| middle[row] - 2.0 * smoothed(row));
    }
}

#[test]
fn momentum() {
    let walk = Walk::new(BARS);
    let [high, low, close] = walk.columns();
    for n in [2, 14] {
        let strength = |row: usize| {
            let change = |at: usize| close[at] - close[at - 1];
            let part = |sign: f64, at: usize| (sign * change(at)).max(0.0);
            let smoothed = |sign: f64| {
                let length = n as usize;
                let mut value = (1..=length).map(|at| part(sign, at)).sum::<f64>() / f64::from(n);
                for at in length + 1..=row {
                    value = (value * (f64::from(n) - 1.0) + part(sign, at)) / f64::from(n);
                }
                value
            };
            100.0 - 100.0 / (1.0 + smoothed(1.0) / smoothed(-1.0))
        };
        check("rsi", &rsi(close, n), n as usize, strength);
        same("rsi", &rsi(close, n), &fed(Rsi::new(n), close));
        check("roc", &roc(close, n), n as usize, |row| {
            (close[row] - close[row - n as usize]) / close[row - n as usize] * 100.0
        });
        check("lag", &lag(close, n), n as usize, |row| close[row - n as usize]);
    }
    let values = macd(close, 12, 26, 9);
    let line: Vec<f64> = values.iter().map(|value| value.line).collect();
    let (fast, slow) = (ema(close, 12, Seed::Sma), ema(close, 26, Seed::Sma));
    check("macd", &line, 25, |row| fast[row] - slow[row]);
    let signal = ema(&line[25..], 9, Seed::Sma);
    check("signal", &values.iter().map(|value| value.signal).collect::<Vec<_>>(), 33, |row| signal[row - 25]);
    let mut state = Macd::new(12, 26, 9);
    let fed: Vec<f64> = close.iter().map(|&value| state.push(value).histogram).collect();
    same("histogram", &values.iter().map(|value| value.histogram).collect::<Vec<_>>(), &fed);

    let lines = stochastic(walk.columns(), 14, 3, 5);
    let raw = |row: usize| {
        let top = window(high, row, 14).iter().copied().fold(f64::MIN, f64::max);
        let bottom = window(low, row, 14).iter().copied().fold(f64::MAX, f64::min);
        (close[row] - bottom) / (top - bottom) * 100.0
    };
    let k = |row: usize| (0..3).map(|age| raw(row - age)).sum::<f64>() / 3.0;
    check("%K", &lines.iter().map(|line| line.k).collect::<Vec<_>>(), 15, k);
    let d = |row: usize| (0..5).map(|age| k(row - age)).sum::<f64>() / 5.0;
    check("%D", &lines.iter().map(|line| line.d).collect::<Vec<_>>(), 19, d);
    let mut state = Stochastic::new(14, 3, 5);
    let fed: Vec<f64> = (0..BARS).map(|at| state.push(walk.bar(at)).d).collect();
    same("%D", &lines.iter().map(|line| line.d).collect::<Vec<_>>(), &fed);
}

#[test]
fn volume_weighted_price_by_session() {
    let walk = Walk::new(BARS);
    let sessions: Vec<i64> = (0..BARS as i64).map(|bar| bar / 60).collect();
    let found = vwap(&sessions, walk.columns(), &walk.volume);
    let mut state = Vwap::default();
    for row in 0..BARS {
        let part = row / 60 * 60..=row;
        let typical = |at: usize| (walk.high[at] + walk.low[at] + walk.close[at]) / 3.0;
        let traded: f64 = part.clone().map(|at| walk.volume[at]).sum();
        let value: f64 = part.map(|at| typical(at) * walk.volume[at]).sum();
        if traded == 0.0 {
            assert!(found[row].is_nan(), "row {row}");
        } else {
            assert!((found[row] - value / traded).abs() < 1e-9, "row {row}");
        }
        let fed = state.push((sessions[row], walk.bar(row), walk.volume[row]));
        assert_eq!(fed.to_bits(), found[row].to_bits());
    }
}

#[test]
fn a_hole_starts_over() {
    let mut holed = Walk::new(BARS).close;
    holed[200] = f64::NAN;
    type Column = fn(&[f64]) -> Vec<f64>;
    let all: [(&str, usize, Column); 9] = [
        ("sma", 9, |values| sma(values, 10)),
        ("ema", 9, |values| ema(values, 10, Seed::Sma)),
        ("first", 0, |values| ema(values, 10, Seed::First)),
        ("wma", 9, |values| wma(values, 10)),
        ("wilder", 9, |values| wilder(values, 10)),
        ("rsi", 10, |values| rsi(values, 10)),
        ("deviation", 9, |values| deviation(values, 10, Degrees::Sample)),
        ("highest", 9, |values| highest(values, 10)),
        ("lowest", 9, |values| lowest(values, 10)),
    ];
    for (name, first, column) in all {
        let whole = column(&holed);
        assert!(whole[200..201 + first].iter().all(|value| value.is_nan()), "{name}");
        same(name, &whole[201..], &column(&holed[201..]));
    }
}

#[test]
fn equal_values_leave_no_noise() {
    // 0.1 cannot be written in binary: a sum of them would drift.
    let values: Vec<f64> = [1e15, 3.0].into_iter().chain([0.1; 30]).collect();
    assert_eq!(sma(&values, 5)[10..], [0.1; 22]);
    assert_eq!(deviation(&values, 5, Degrees::Sample)[10..], [0.0; 22]);
    assert_eq!(rsi(&values, 5)[31], 0.0);
    assert_eq!(rsi(&[2.0; 9], 5)[5..], [50.0; 4]);
    let flat = [4.0; 9];
    assert_eq!(stochastic([&flat, &flat, &flat], 3, 1, 1)[8].k, 50.0);
}

#[test]
fn degenerate_windows_are_harmless() {
    for values in [&[][..], &[1.0], &[1.0, 2.0]] {
        assert_eq!(sma(values, 0).len(), values.len());
        assert!(sma(values, 3).iter().all(|value| value.is_nan()));
        assert_eq!(lag(values, u32::MAX).len(), values.len());
        assert_eq!(highest(values, u32::MAX).len(), values.len());
        assert_eq!(wma(values, 0).len(), values.len());
    }
    assert_eq!(sma(&[1.0, 2.0], 0), [1.0, 2.0]);
}
