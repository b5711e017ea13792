//! What the page shows, as its URL fragment says it: `#/chart?i=AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL&bar=5m`.
//!
//! - The order of keys is fixed, defaults are left out, unknown keys are kept.
//! - Printing and reading again gives the same state.
//! - A value that cannot be read is left out and complained about; it never breaks the page.

use engine::backtest::Spec;
use engine::bars::{BarType, TimeRange, UnixNanos};

use super::bar_size::BarSize;
use super::sheet::Sort;
use super::{query_text, spec_text, strategy_text, time};

/// One of the pages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum View {
    #[default]
    Catalog,
    Chart,
    Backtest,
}

impl View {
    pub(crate) const ALL: [Self; 3] = [Self::Catalog, Self::Chart, Self::Backtest];

    /// As the fragment writes it.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Chart => "chart",
            Self::Backtest => "backtest",
        }
    }

    /// As the tabs write it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Catalog => "Catalog",
            Self::Chart => "Chart",
            Self::Backtest => "Backtest",
        }
    }
}

/// Everything a link carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fragment {
    pub(crate) view: View,
    /// Catalog to open; relative to the page; the page's own if left out.
    pub(crate) catalog: Option<String>,
    /// Snapshot to open; the newest if left out.
    pub(crate) snapshot: Option<u64>,
    pub(crate) series: Option<BarType>,
    /// Opens of the bars in view or to trade, from.
    pub(crate) from: Option<UnixNanos>,
    /// Opens of the bars in view or to trade, up to but not including.
    pub(crate) to: Option<UnixNanos>,
    /// Size of the bars; chosen by the page if left out.
    pub(crate) bar: Option<BarSize>,
    /// Logarithmic price scale.
    pub(crate) log: bool,
    /// The bars as a table instead of a chart.
    pub(crate) table: bool,
    /// Filter of the series table.
    pub(crate) filter: String,
    pub(crate) sort: Sort,
    pub(crate) spec: Spec,
    /// Digest of the fills that the sender of the link saw.
    pub(crate) digest: Option<String>,
    unknown: Vec<(String, String)>,
}

impl Fragment {
    /// Reads a fragment, with or without its `#`; also says what could not be read.
    pub(crate) fn parse(text: &str) -> (Self, Vec<String>) {
        let text = text.trim_start_matches('#').trim_start_matches('/');
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut out = Self {
            view: View::ALL.into_iter().find(|view| view.path() == path).unwrap_or_default(),
            ..Self::default()
        };
        let mut complaints = Vec::new();
        let mut pairs = query_text::parse(query);
        // The strategy first: choosing it gives its parameters their defaults.
        pairs.sort_by_key(|(key, _)| key != strategy_text::KEY);
        for (key, value) in pairs {
            if let Err(reason) = out.set(&key, &value) {
                complaints.push(format!("the link's `{key}={value}` was left out: {reason}"));
            }
        }
        (out, complaints)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "c" => self.catalog = Some(value.to_owned()),
            "snap" => {
                self.snapshot = Some(value.parse().map_err(|_| "a snapshot is a whole number".to_owned())?)
            }
            "i" => self.series = Some(value.parse().map_err(|error| format!("{error}"))?),
            "from" => self.from = Some(value.parse().map_err(|error| format!("{error}"))?),
            "to" => self.to = Some(value.parse().map_err(|error| format!("{error}"))?),
            "bar" => self.bar = Some(value.parse()?),
            "log" => self.log = value == "1",
            "show" => self.table = value == "table",
            "q" => value.clone_into(&mut self.filter),
            "sort" => self.sort = value.parse()?,
            "d" => self.digest = Some(value.to_owned()),
            _ => match spec_text::set(&mut self.spec, key, value) {
                Some(outcome) => outcome?,
                None => self.unknown.push((key.to_owned(), value.to_owned())),
            },
        }
        Ok(())
    }

    /// The fragment with its `#`.
    pub(crate) fn print(&self) -> String {
        let mut pairs = Vec::new();
        let mut put =
            |key: &str, value: Option<String>| pairs.extend(value.map(|value| (key.to_owned(), value)));
        put("c", self.catalog.clone());
        put("snap", self.snapshot.map(|snapshot| snapshot.to_string()));
        put("i", self.series.as_ref().map(BarType::to_string));
        put("from", self.from.map(time::short));
        put("to", self.to.map(time::short));
        put("bar", self.bar.map(|bar| bar.to_string()));
        put("log", self.log.then(|| "1".into()));
        put("show", self.table.then(|| "table".into()));
        put("q", Some(self.filter.clone()).filter(|filter| !filter.is_empty()));
        put("sort", Some(self.sort).filter(|sort| *sort != Sort::default()).map(|sort| sort.to_string()));
        for (key, value) in spec_text::pairs(&self.spec) {
            put(key, Some(value));
        }
        put("d", self.digest.clone());
        pairs.extend(self.unknown.iter().cloned());
        let (path, query) = (self.view.path(), query_text::print(&pairs));
        if query.is_empty() { format!("#/{path}") } else { format!("#/{path}?{query}") }
    }

    /// The window, if either end is given; an end that is not given is open.
    pub(crate) fn range(&self) -> Option<TimeRange> {
        let given = self.from.is_some() || self.to.is_some();
        given.then(|| TimeRange::new(self.from.unwrap_or(UnixNanos::MIN), self.to.unwrap_or(UnixNanos::MAX)))
    }

    /// The same context on another page.
    pub(crate) fn on(&self, view: View) -> Self {
        Self { view, digest: None, ..self.clone() }
    }

    /// Without what belongs to another run: its digest.
    pub(crate) fn without_digest(self) -> Self {
        Self { digest: None, ..self }
    }

    /// Another catalog, with nothing chosen in it.
    pub(crate) fn with_catalog(&self, catalog: Option<String>) -> Self {
        Self { catalog, snapshot: None, series: None, from: None, to: None, digest: None, ..self.clone() }
    }

    /// Another series, from its default window on.
    pub(crate) fn with_series(&self, series: BarType) -> Self {
        if self.series.as_ref() == Some(&series) {
            return self.clone();
        }
        Self { series: Some(series), from: None, to: None, digest: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "#/catalog",
            "#/catalog?q=venue:nasdaq%20aapl&sort=-rows",
            "#/chart?c=https://h.example/c/&snap=4&i=EUR/USD.SIM-1-MINUTE-BID-EXTERNAL&from=2024-01-08&to=2024-01-08T14:30Z&bar=5m&log=1&show=table",
            "#/backtest?i=AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL&fast=5&comm=0.001&fill=this_close&units=whole&excl=0&profile=btpy-0.6&d=7f3a",
            "#/backtest?strategy=rsi_reversion&window=7&low=25.5&cash=5000",
            "#/backtest?strategy=time_of_day&enter=09:05&exit=23:59",
            "#/backtest?strategy=buy_and_hold",
            "#/backtest?strategy=rules&long=close%20%3E%20sma(close,%2020)&exit_long=close%20%3C%20open",
            "#/chart?bar=1h&later=7&later=8",
        ] {
            let (state, complaints) = Fragment::parse(text);
            assert_eq!(complaints, Vec::<String>::new());
            assert_eq!(state.print(), text);
            assert_eq!(Fragment::parse(&state.print()).0, state);
        }
    }

    #[test]
    fn order_and_defaults_are_normalised() {
        let (state, _) = Fragment::parse("/chart?new=1&bar=1h&fast=10&snap=3&log=0&show=chart");
        assert_eq!(state.print(), "#/chart?snap=3&bar=1h&new=1");
        assert_eq!(
            Fragment::parse("#/backtest?signal=5&strategy=macd").0.print(),
            "#/backtest?strategy=macd&signal=5"
        );
        assert_eq!(Fragment::parse("").0.print(), "#/catalog");
        assert_eq!(Fragment::parse("#/nowhere?x").0.print(), "#/catalog?x=");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let (state, complaints) =
            Fragment::parse("#/chart?snap=x&i=AAPL&from=soon&bar=5q&fast=-1&cash=lots&sort=up");
        assert_eq!(state, Fragment { view: View::Chart, ..Fragment::default() });
        assert_eq!(complaints.len(), 7, "{complaints:?}");
        assert!(complaints[2].contains("`from=soon`"), "{}", complaints[2]);
    }

    #[test]
    fn parameters_of_another_strategy_are_refused() {
        for link in
            ["#/backtest?window=5", "#/backtest?strategy=macd&long=close%3E1", "#/backtest?strategy=nope"]
        {
            let (state, complaints) = Fragment::parse(link);
            assert_eq!(complaints.len(), 1, "{link}: {complaints:?}");
            assert_eq!(Fragment::parse(&state.print()), (state, Vec::new()), "{link}");
        }
    }

    #[test]
    fn another_series_starts_afresh() {
        let (state, _) = Fragment::parse("#/chart?i=A.X-1-MINUTE-LAST-EXTERNAL&from=2024-01-08&bar=5m");
        let other = state.with_series("B.X-1-MINUTE-LAST-EXTERNAL".parse().expect("a bar type"));
        assert_eq!(other.print(), "#/chart?i=B.X-1-MINUTE-LAST-EXTERNAL&bar=5m");
    }
}
