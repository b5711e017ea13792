//! One connection: the handshake, then requests and their answers.

use std::io::{Error, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use bars::{DAY, HOUR, SECOND, TimeRange, UnixNanos};
use prost::Message;

use super::Shared;
use super::faults::Fault;
use super::market::{self, TrueBar};
use super::rules::{self, Asked, Paced};
use super::wire::{self, frame};

/// One client.
struct Connection<'s> {
    stream: TcpStream,
    number: u64,
    shared: &'s Shared,
}

/// Serves a connection until it ends.
pub(super) fn connection(mut stream: TcpStream, number: u64, fault: Option<Fault>, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let newest = match fault {
        Some(Fault::Slam) => return close(&stream),
        Some(Fault::Silent) => {
            // Reads until the other side gives up.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            return;
        }
        Some(Fault::Old) => 200,
        _ => shared.options.version,
    };
    let done = wire::shake_hands(&mut stream, newest);
    if let Ok(Some(_)) = done {
        let mut connection = Connection { stream, number, shared };
        let _ = connection.talk(fault.as_ref());
        stream = connection.stream;
    }
    close(&stream);
}

fn close(stream: &TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

fn decoded<M: Message + Default>(body: &[u8]) -> Result<M> {
    M::decode(body).map_err(Error::other)
}

impl Connection<'_> {
    fn talk(&mut self, fault: Option<&Fault>) -> Result<()> {
        loop {
            let (id, body) = wire::read_frame(&mut self.stream)?;
            match id {
                71 => match fault {
                    Some(Fault::TakenId) => {
                        self.error(-1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.")?;
                        return Ok(());
                    }
                    Some(Fault::NoIds) => {}
                    _ => self.welcome()?,
                },
                9 => self.contract(&decoded(&body)?)?,
                81 => self.symbols(&decoded(&body)?)?,
                87 => self.head(&decoded(&body)?)?,
                20 => self.history(&decoded(&body)?)?,
                25 => {
                    let id = decoded::<wire::Id>(&body)?.id.unwrap_or_default();
                    self.error(id, 366, &format!("No historical data query found for ticker id:{id}"))?;
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, id: u32, message: &impl Message) -> Result<()> {
        self.stream.write_all(&frame(id, message))
    }

    fn error(&mut self, id: i32, code: i32, text: &str) -> Result<()> {
        let time = Some(1_763_800_000_000);
        self.send(4, &wire::Notice { id: Some(id), time, code: Some(code), text: Some(text.into()) })
    }

    fn welcome(&mut self) -> Result<()> {
        self.send(15, &wire::Text { text: "DU1234567".into() })?;
        self.send(9, &wire::Id { id: Some(1) })?;
        for (code, farm) in
            [(2104, "Market data farm"), (2106, "HMDS data farm"), (2158, "Sec-def data farm")]
        {
            self.error(-1, code, &format!("{farm} connection is OK:sim"))?;
        }
        Ok(())
    }

    /// Whether an error was sent instead of an answer; notices are sent here too.
    fn refused(&mut self, id: i32, fault: Option<&Fault>, too_fast: Option<&str>) -> Result<bool> {
        if too_fast.is_some() {
            self.error(
                id,
                162,
                "Historical Market Data Service error message:Historical data request pacing violation",
            )?;
            return Ok(true);
        }
        match fault {
            Some(Fault::Error(code, text)) => self.error(id, *code, text).map(|()| true),
            Some(Fault::Notice(code, text)) => self.error(id, *code, text).map(|()| false),
            Some(Fault::Stall(time)) => {
                std::thread::sleep(*time);
                Ok(false)
            }
            Some(Fault::Drop) => Err(Error::other("dropped")),
            Some(Fault::Restart(down)) => {
                self.shared.restart(*down);
                Err(Error::other("restarted"))
            }
            _ => Ok(false),
        }
    }

    fn contract(&mut self, request: &wire::ContractRequest) -> Result<()> {
        let asked = request.contract.clone().unwrap_or_default();
        let symbol = asked.symbol.clone().unwrap_or_default();
        let (fault, _) =
            self.shared.note(self.number, "contract", &symbol, format!("contract {symbol}"), None);
        if self.refused(request.id, fault.as_ref(), None)? {
            return Ok(());
        }
        let Some((symbol, number)) = market::instrument(&symbol, asked.id.unwrap_or_default()) else {
            return self.error(request.id, 200, "No security definition has been found for the request");
        };
        let details = wire::Details {
            market_name: Some("NMS".into()),
            min_tick: Some("0.01".into()),
            valid_exchanges: Some("SMART,NASDAQ".into()),
            long_name: Some(format!("{symbol} (simulated)")),
            time_zone: Some("US/Eastern".into()),
        };
        let data = wire::ContractData {
            id: Some(request.id),
            contract: Some(contract(symbol, number)),
            details: Some(details),
        };
        self.send(10, &data)?;
        self.send(52, &wire::Id { id: Some(request.id) })
    }

    fn symbols(&mut self, request: &wire::SymbolsRequest) -> Result<()> {
        let words = format!("symbols {}", request.pattern);
        self.shared.note(self.number, "symbols", &request.pattern, words, None);
        let sample = |(symbol, number)| wire::Sample { contract: Some(contract(symbol, number)) };
        let samples = market::matching(&request.pattern).into_iter().map(sample).collect();
        self.send(79, &wire::Samples { id: Some(request.id), samples })
    }

    fn head(&mut self, request: &wire::HeadRequest) -> Result<()> {
        let asked = request.contract.clone().unwrap_or_default();
        let known = instrument(&asked);
        let symbol = known.map_or("?", |(symbol, _)| symbol);
        let words = format!("head {symbol} {}", request.what);
        let paced = self.paced(true, symbol, &request.what, &words);
        let (fault, too_fast) = self.shared.note(self.number, "head", symbol, words, Some(paced));
        if self.refused(request.id, fault.as_ref(), too_fast)? {
            return Ok(());
        }
        if known.is_none() {
            return self.error(request.id, 200, "No security definition has been found for the request");
        }
        let text = Some((market::first().0 / SECOND).to_string());
        self.send(88, &wire::IdText { id: Some(request.id), text })
    }

    fn paced(&self, small: bool, symbol: &str, what: &str, words: &str) -> Paced {
        let weight = if what == "BID_ASK" { 2 } else { 1 };
        Paced {
            at: self.shared.now(),
            small,
            kind: format!("{symbol} {what}"),
            whole: words.to_owned(),
            weight,
        }
    }

    fn history(&mut self, request: &wire::BarsRequest) -> Result<()> {
        let asked = request.contract.clone().unwrap_or_default();
        let known = instrument(&asked);
        let symbol = known.map_or("?", |(symbol, _)| symbol);
        let hours = if request.regular_hours { "regular" } else { "all" };
        let words = format!(
            "{symbol} {} {} {} until {} {hours}",
            request.what, request.bar_size, request.duration, request.end
        );
        let small = market::interval(&request.bar_size).is_some_and(|interval| interval <= 30 * SECOND);
        let kind = if request.what == "SCHEDULE" { "schedule" } else { "bars" };
        let paced = self.paced(small, symbol, &request.what, &words);
        let (fault, too_fast) = self.shared.note(self.number, kind, symbol, words, Some(paced));
        if self.refused(request.id, fault.as_ref(), too_fast)? {
            return Ok(());
        }
        let Some((_, number)) = known else {
            return self.error(request.id, 200, "No security definition has been found for the request");
        };
        let asked = match rules::validate(request) {
            Ok(asked) => asked,
            Err((code, text)) => {
                self.shared.refused(&text);
                return self.error(request.id, code, &text);
            }
        };
        let parts = market::window(asked.end, asked.count, asked.unit, request.regular_hours);
        if kind == "schedule" {
            return self.schedule(request.id, &parts, request.regular_hours);
        }
        let bars = market::bars(number, asked.interval, &parts);
        if bars.is_empty() && fault.is_none() {
            let text = format!(
                "Historical Market Data Service error message:HMDS query returned no data: {symbol}@SMART Trades"
            );
            return self.error(request.id, 162, &text);
        }
        self.answer(request, &asked, bars, fault.as_ref())
    }

    fn schedule(&mut self, id: i32, parts: &[TimeRange], regular: bool) -> Result<()> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            return self.error(
                id,
                162,
                "Historical Market Data Service error message:HMDS query returned no data",
            );
        };
        // A part that the end of the request cut off is a whole session all the same.
        let whole = market::sessions(TimeRange::new(first.start, last.end), regular);
        let sessions = whole.iter().filter(|session| parts.iter().any(|part| session.contains(part.start)));
        let sessions: Vec<_> = sessions
            .map(|session| wire::WireSession {
                start: Some(stamp(session.start)),
                end: Some(stamp(session.end)),
                date: Some(date(session.end)),
            })
            .collect();
        let start = sessions.first().and_then(|session| session.start.clone());
        let end = sessions.last().and_then(|session| session.end.clone());
        self.send(106, &wire::Schedule { id: Some(id), start, end, zone: Some("UTC".into()), sessions })
    }

    fn answer(
        &mut self,
        request: &wire::BarsRequest,
        asked: &Asked,
        bars: Vec<TrueBar>,
        fault: Option<&Fault>,
    ) -> Result<()> {
        let factor = if self.shared.is_split() || fault == Some(&Fault::Split) { 0.5 } else { 1.0 };
        let first = bars.first().map_or(asked.end, |bar| bar.open_time);
        let mut bars: Vec<_> = bars.iter().map(|bar| wire_bar(bar, asked, &request.what, factor)).collect();
        damage(&mut bars, asked, fault);
        let zone = if fault == Some(&Fault::BadZone) { "Nowhere Standard Time" } else { "UTC" };
        let spaced = |time| format!("{} {zone}", stamp(time).replace('-', " "));
        let (start, end) = (Some(spaced(first)), Some(spaced(asked.end)));
        let answer = frame(17, &wire::Bars { id: Some(request.id), bars });
        let over = frame(108, &wire::BarsEnd { id: Some(request.id), start, end });
        match fault {
            Some(Fault::NoEnd) => self.stream.write_all(&answer),
            Some(Fault::EndFirst) => {
                self.stream.write_all(&over).and_then(|()| self.stream.write_all(&answer))
            }
            Some(Fault::BadFrame) => self.stream.write_all(&[0xff; 64]),
            Some(Fault::Unknown) => {
                self.stream.write_all(&frame(150, &wire::Id { id: Some(request.id) }))?;
                self.stream.write_all(&answer)?;
                self.stream.write_all(&over)
            }
            Some(Fault::Drip) => {
                for piece in [answer, over].concat().chunks(199) {
                    self.stream.write_all(piece)?;
                    std::thread::sleep(Duration::from_micros(300));
                }
                Ok(())
            }
            _ => self.stream.write_all(&[answer, over].concat()),
        }
    }
}

fn instrument(asked: &wire::Contract) -> Option<(&'static str, i32)> {
    market::instrument(asked.symbol.as_deref().unwrap_or_default(), asked.id.unwrap_or_default())
}

fn contract(symbol: &str, number: i32) -> wire::Contract {
    let text = |text: &str| Some(text.to_owned());
    wire::Contract {
        id: Some(number),
        symbol: text(symbol),
        security_type: text("STK"),
        exchange: text("SMART"),
        primary_exchange: text("NASDAQ"),
        currency: text("USD"),
        local_symbol: text(symbol),
        trading_class: text("NMS"),
    }
}

fn wire_bar(bar: &TrueBar, asked: &Asked, what: &str, factor: f64) -> wire::WireBar {
    let price = |at: usize| Some(bar.prices[at] as f64 / 100.0 * factor);
    let day = asked.interval >= DAY;
    let time = if day { date(bar.close_time) } else { (bar.open_time.0 / SECOND).to_string() };
    let trades = what == "TRADES";
    wire::WireBar {
        date: Some(time),
        open: price(0),
        high: price(1),
        low: price(2),
        close: price(3),
        volume: Some(if trades { bar.volume.to_string() } else { "-1".into() }),
        average: Some(if trades { format!("{}", price(3).unwrap_or_default()) } else { "-1".into() }),
        count: Some(if trades { 10 } else { -1 }),
    }
}

fn damage(bars: &mut Vec<wire::WireBar>, asked: &Asked, fault: Option<&Fault>) {
    let middle = bars.len() / 2;
    match fault {
        Some(Fault::Zero) => bars.clear(),
        Some(Fault::Half) => bars.truncate(middle),
        Some(Fault::Duplicate) => *bars = bars.iter().flat_map(|bar| [bar.clone(), bar.clone()]).collect(),
        Some(Fault::Differing) if middle > 0 => {
            let mut other = bars[middle].clone();
            other.high = other.high.map(|high| high + 1.0);
            bars.insert(middle, other);
        }
        Some(Fault::Shuffle) => bars.reverse(),
        Some(Fault::BadBar) if middle > 0 => bars[middle].date = Some("yesterday".into()),
        Some(Fault::Insane) if middle > 0 => bars[middle].high = Some(0.5),
        Some(Fault::Leak) if asked.interval < DAY => {
            let early = bars.first().and_then(|bar| bar.date.as_deref()?.parse::<i64>().ok());
            if let (Some(early), Some(mut leaked)) = (early, bars.first().cloned()) {
                leaked.date = Some((early - HOUR / SECOND).to_string());
                bars.insert(0, leaked);
            }
        }
        _ => {}
    }
}

/// `20261118-21:00:00` in UTC.
fn stamp(time: UnixNanos) -> String {
    time.to_string().trim_end_matches('Z').replace('-', "").replace('T', "-")
}

fn date(time: UnixNanos) -> String {
    time.date().to_string().replace('-', "")
}
