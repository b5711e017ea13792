//! A gateway over the network, by the crate `ibapi`, under deadlines of our own.
//!
//! The crate resends up to three times after a drop and reconnects by itself, past any pacing, and waits forever for a handshake that
//! never ends. So it gets no reconnects here: a connection that is lost is thrown away, and every request passes the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bars::{Aggregation, BarSpec, Calendar, InstrumentId, PriceType, SECOND, TimeRange, UnixNanos};
use ibapi::contracts::{Contract, SecurityType};
use ibapi::market_data::TradingHours;
use ibapi::market_data::historical::{BarSize, BarTimestamp, Duration as IbDuration, WhatToShow};
use ibapi::{Client, Error as IbError};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::{
    Asked, BarRequest, Class, Fault, IbkrSettings, Instrument, RawBar, RawTime, Session, SharedLedger,
    Source, Span, classify,
};

const START: &str =
    "start IB Gateway or TWS, log in, and allow API connections: docs/ibkr.md shows how, also in a container";
const SLOW: &str = "look whether the gateway's window asks something (a login, a second factor), and restart it if it does not react";

/// A gateway.
pub struct Gateway {
    settings: IbkrSettings,
    ledger: SharedLedger,
    client: Mutex<Option<Client>>,
    broken: Arc<AtomicBool>,
    budget: std::sync::atomic::AtomicU32,
}

impl Gateway {
    /// A gateway by its settings; nothing is connected yet.
    pub fn new(settings: IbkrSettings) -> Self {
        let ledger = settings.shared_ledger();
        Self { settings, ledger, client: Mutex::default(), broken: Arc::default(), budget: u32::MAX.into() }
    }

    /// What is left of the ten minutes' budget, as far as known.
    pub fn budget(&self) -> Option<u32> {
        Some(self.budget.load(Ordering::Relaxed)).filter(|budget| *budget != u32::MAX)
    }

    /// Ends the connection.
    pub async fn disconnect(&self) {
        if let Some(client) = self.client.lock().await.take() {
            end(client).await;
        }
    }

    /// Runs one request on a connection, both under deadlines; a connection that failed is not used again.
    async fn ask<T>(
        &self,
        asked: Asked,
        request: impl AsyncFnOnce(&Client) -> Result<T, IbError>,
    ) -> Result<T, Fault> {
        let mut client = self.client.lock().await;
        if client.as_ref().is_some_and(|client| !client.is_connected())
            && let Some(lost) = client.take()
        {
            end(lost).await;
        }
        if client.is_none() {
            *client = Some(self.connect().await?);
        }
        let unusable = |error: catalog::Error| {
            Fault::new(Class::Operator, error.to_string(), "make the pacing ledger's directory writable")
        };
        let admitted = self.ledger.admit(asked).await.map_err(unusable)?;
        self.budget.store(admitted.budget, Ordering::Relaxed);
        let Some(connected) = client.as_ref() else {
            return Err(Fault::new(Class::Reconnect, "the connection was lost", START));
        };
        let deadline = self.settings.request_timeout();
        let answer = tokio::time::timeout(deadline, request(connected)).await;
        self.ledger.settle(&admitted).map_err(unusable)?;
        let fault = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => fault_of(error),
            Err(_) => timeout(deadline),
        };
        // After these nobody knows what is still on its way.
        if matches!(fault.class, Class::Reconnect | Class::Timeout | Class::Unusable)
            && let Some(lost) = client.take()
        {
            end(lost).await;
        }
        Err(fault)
    }

    async fn connect(&self) -> Result<Client, Fault> {
        let deadline = self.settings.connect_timeout();
        let builder = Client::builder()
            .address(self.settings.gateway.clone())
            .client_id(self.settings.client_id)
            .max_reconnect_attempts(0);
        let at = &self.settings.gateway;
        match tokio::time::timeout(deadline, builder.connect_with_notice_stream()).await {
            Ok(Ok((client, mut notices))) => {
                self.broken.store(false, Ordering::Relaxed);
                let broken = self.broken.clone();
                tokio::spawn(async move {
                    while let Some(notice) = notices.next().await {
                        tracing::debug!(code = notice.code, message = notice.message, "the gateway says");
                        match notice.code {
                            1100 | 2103 | 2105 | 2110 => broken.store(true, Ordering::Relaxed),
                            1101 | 1102 | 2104 | 2106 | 2107 => broken.store(false, Ordering::Relaxed),
                            _ => {}
                        }
                    }
                });
                Ok(client)
            }
            Ok(Err(IbError::ClientIdInUse { client_id })) => {
                Err(classify(326, &format!("client id {client_id} is in use at {at}")))
            }
            Ok(Err(IbError::ServerVersion(needed, has, _))) => Err(too_old(at, needed, has)),
            Ok(Err(error)) => Err(Fault::new(
                Class::Reconnect,
                format!("the gateway at {at} did not let us in: {error}"),
                START,
            )),
            Err(_) => Err(Fault::new(
                Class::Reconnect,
                format!(
                    "the gateway at {at} accepted the connection and said nothing for {} s",
                    deadline.as_secs()
                ),
                SLOW,
            )),
        }
    }
}

async fn end(client: Client) {
    // It returns at once unless something is very wrong.
    let _ = tokio::time::timeout(Duration::from_secs(2), client.disconnect()).await;
}

fn too_old(at: &str, needed: i32, has: i32) -> Fault {
    Fault::new(
        Class::Permanent,
        format!("the gateway at {at} speaks version {has} of the protocol, {needed} is needed"),
        "install IB Gateway or TWS 10.40 or newer",
    )
}

fn timeout(deadline: Duration) -> Fault {
    Fault::new(Class::Timeout, format!("no answer within {} s", deadline.as_secs()), SLOW)
}

fn fault_of(error: IbError) -> Fault {
    match error {
        IbError::Notice(notice) => classify(notice.code, &notice.message),
        IbError::Timeout => Fault::new(Class::Timeout, "no answer in time", SLOW),
        IbError::UnsupportedTimeZone(zone) => Fault::new(
            Class::Unusable,
            format!("the gateway answered in a time zone nobody knows, `{zone}`"),
            "set the gateway to UTC: Configure, API, Settings, `Send instrument-specific attributes … in: UTC format`",
        ),
        error @ (IbError::Parse(..)
        | IbError::UnexpectedResponse(_)
        | IbError::ParseInt(_)
        | IbError::ParseTime(_)) => {
            Fault::new(Class::Unusable, format!("the answer could not be read: {error}"), SLOW)
        }
        error => Fault::new(Class::Reconnect, format!("the connection broke: {error}"), START),
    }
}

fn moment(time: UnixNanos) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.0.div_euclid(SECOND)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn nanos(time: OffsetDateTime) -> UnixNanos {
    UnixNanos(i64::try_from(time.unix_timestamp_nanos()).unwrap_or(i64::MAX))
}

fn date(date: time::Date) -> bars::Date {
    bars::Date::new(date.year() as i16, u8::from(date.month()) as i8, date.day() as i8).unwrap_or_default()
}

fn hours(regular: bool) -> TradingHours {
    if regular { TradingHours::Regular } else { TradingHours::Extended }
}

fn what(spec: BarSpec) -> WhatToShow {
    match spec.price_type {
        PriceType::Mid => WhatToShow::MidPoint,
        PriceType::Bid => WhatToShow::Bid,
        PriceType::Ask => WhatToShow::Ask,
        _ => WhatToShow::Trades,
    }
}

fn bar_size(spec: BarSpec) -> Option<BarSize> {
    Some(match (spec.aggregation, spec.step.get()) {
        (Aggregation::Second, 1) => BarSize::Sec,
        (Aggregation::Second, 5) => BarSize::Sec5,
        (Aggregation::Second, 10) => BarSize::Sec10,
        (Aggregation::Second, 15) => BarSize::Sec15,
        (Aggregation::Second, 30) => BarSize::Sec30,
        (Aggregation::Minute, 1) => BarSize::Min,
        (Aggregation::Minute, 2) => BarSize::Min2,
        (Aggregation::Minute, 3) => BarSize::Min3,
        (Aggregation::Minute, 5) => BarSize::Min5,
        (Aggregation::Minute, 10) => BarSize::Min10,
        (Aggregation::Minute, 15) => BarSize::Min15,
        (Aggregation::Minute, 20) => BarSize::Min20,
        (Aggregation::Minute, 30) => BarSize::Min30,
        (Aggregation::Hour, 1) => BarSize::Hour,
        (Aggregation::Day, 1) => BarSize::Day,
        _ => return None,
    })
}

/// How IBKR is asked for an instrument: `EUR/USD.IDEALPRO` is a pair, everything else a stock that trades in dollars.
fn wanted(id: &InstrumentId) -> Contract {
    match (id.venue(), id.symbol().split_once('/')) {
        ("IDEALPRO", Some((base, quote))) => Contract {
            symbol: base.into(),
            currency: quote.into(),
            security_type: SecurityType::ForexPair,
            exchange: "IDEALPRO".into(),
            ..Contract::default()
        },
        (venue, _) => Contract {
            symbol: id.symbol().into(),
            currency: "USD".into(),
            security_type: SecurityType::Stock,
            exchange: "SMART".into(),
            primary_exchange: if venue == "SMART" { "" } else { venue }.into(),
            ..Contract::default()
        },
    }
}

fn resolved(instrument: &Instrument) -> Contract {
    Contract {
        contract_id: instrument.contract_id,
        exchange: instrument.exchange.as_str().into(),
        ..wanted(&instrument.id)
    }
}

fn asked(small: bool, instrument: &Instrument, price: PriceType, whole: String) -> Asked {
    let kind = format!("{} {} {price}", instrument.contract_id, instrument.exchange);
    Asked { at: 0, arrived: 0, small, whole: format!("{kind} {whole}"), kind, weight: 1 }
}

#[async_trait]
impl Source for Gateway {
    async fn instrument(&self, id: &InstrumentId) -> Result<Instrument, Fault> {
        let paced = Asked {
            at: 0,
            arrived: 0,
            small: false,
            kind: format!("contract {id}"),
            whole: format!("contract {id}"),
            weight: 1,
        };
        let contract = wanted(id);
        let found = self.ask(paced, async |client| client.contract_details(&contract).await).await?;
        let [details] = found.as_slice() else {
            let text = format!("IBKR knows {} contracts of that name", found.len());
            return Err(Fault {
                code: 200,
                ..Fault::new(
                    Class::Permanent,
                    text,
                    "name the primary exchange as the venue, such as `AAPL.NASDAQ`",
                )
            });
        };
        Ok(Instrument {
            id: id.clone(),
            contract_id: details.contract.contract_id,
            exchange: details.contract.exchange.to_string(),
            zone: details.time_zone_id.clone(),
            name: details.long_name.clone(),
        })
    }

    async fn first(
        &self,
        instrument: &Instrument,
        spec: BarSpec,
        regular_hours: bool,
    ) -> Result<UnixNanos, Fault> {
        let paced = asked(true, instrument, spec.price_type, "head".into());
        let contract = resolved(instrument);
        let head = self.ask(paced, async |client| {
            client.head_timestamp(&contract, what(spec), hours(regular_hours)).await
        });
        head.await.map(nanos)
    }

    async fn sessions(
        &self,
        instrument: &Instrument,
        end: UnixNanos,
        days: u32,
        regular_hours: bool,
    ) -> Result<Vec<Session>, Fault> {
        // IBKR gives the schedule of regular hours only; what is before and after them has none.
        let _ = regular_hours;
        let paced = asked(false, instrument, PriceType::Last, format!("schedule {end} {days}"));
        let contract = resolved(instrument);
        let back = IbDuration::days(days.min(365) as i32);
        let answer = self.ask(paced, async |client| {
            client.historical_schedules(&contract, back).ending(moment(end)).fetch().await
        });
        let mut sessions: Vec<Session> = answer
            .await?
            .sessions
            .iter()
            .map(|session| Session {
                date: date(session.reference),
                range: TimeRange::new(nanos(session.start), nanos(session.end)),
            })
            .filter(|session| !session.range.is_empty())
            .collect();
        sessions.sort_by_key(|session| session.range);
        sessions.dedup();
        Ok(sessions)
    }

    async fn bars(&self, instrument: &Instrument, request: &BarRequest) -> Result<Vec<RawBar>, Fault> {
        let Some(size) = bar_size(request.spec) else {
            return Err(Fault::new(
                Class::Permanent,
                format!("IBKR has no bars of {}", request.spec),
                "choose another size",
            ));
        };
        let small = request.spec.interval().is_some_and(|interval| interval <= 30 * SECOND);
        let words = format!("{} {} {} {}", request.spec, request.span, request.end, request.regular_hours);
        let paced = asked(small, instrument, request.spec.price_type, words);
        let contract = resolved(instrument);
        let span = match request.span {
            Span::Seconds(count) => IbDuration::seconds(count as i32),
            Span::Sessions(count) => IbDuration::days(count as i32),
            Span::Years(count) => IbDuration::years(count as i32),
        };
        let answer = self.ask(paced, async |client| {
            let query = client.historical_data(&contract, size).what_to_show(what(request.spec));
            let query = query.trading_hours(hours(request.regular_hours)).duration(span);
            query.ending(moment(request.end)).fetch().await
        });
        let time = |time| match time {
            BarTimestamp::Date(day) => RawTime::Date(date(day)),
            BarTimestamp::DateTime(time) => RawTime::Open(nanos(time)),
        };
        let raw = |bar: &ibapi::market_data::historical::Bar| RawBar {
            time: time(bar.date),
            prices: [bar.open, bar.high, bar.low, bar.close],
            volume: bar.volume,
        };
        Ok(answer.await?.bars.iter().map(raw).collect())
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// The calendar whose sessions are exactly these; `None` if no rule we know fits.
pub(super) fn calendar_of(sessions: &[Session], venue: &str) -> Option<Calendar> {
    let calendar = Calendar::of_venue(venue)?;
    let (first, last) = (sessions.first()?, sessions.last()?);
    let fits = sessions.iter().all(|session| {
        calendar
            .session(session.date)
            .is_some_and(|rule| rule.start <= session.range.start && session.range.end <= rule.end)
    });
    (fits && first.range.start <= last.range.start).then_some(calendar)
}
