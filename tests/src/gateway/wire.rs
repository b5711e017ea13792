//! Frames and messages of the gateway's protocol from server version 213 on: a length, an id, a protobuf message.
//!
//! The messages hold only the fields that bars need; field numbers are facts of the protocol, the structs are ours.

use std::io::{Read, Result, Write};

use prost::Message;

/// Added to a message's id when its body is protobuf.
const PROTOBUF: u32 = 200;
/// No client sends longer frames.
const MAX_FRAME: u32 = 1 << 20;

macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($tag:literal $field:ident: $type:ty [$($kind:tt)+];)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Message)]
        pub struct $name { $(#[doc = "A field of the message."] #[prost($($kind)+, tag = $tag)] pub $field: $type,)* }
    };
}

message!(/** An instrument. */ Contract {
    "1" id: Option<i32> [int32, optional]; "2" symbol: Option<String> [string, optional];
    "3" security_type: Option<String> [string, optional]; "8" exchange: Option<String> [string, optional];
    "9" primary_exchange: Option<String> [string, optional]; "10" currency: Option<String> [string, optional];
    "11" local_symbol: Option<String> [string, optional]; "12" trading_class: Option<String> [string, optional];
});
message!(/** A request for bars or for a schedule. */ BarsRequest {
    "1" id: i32 [int32]; "2" contract: Option<Contract> [message, optional]; "3" end: String [string];
    "4" bar_size: String [string]; "5" duration: String [string]; "6" regular_hours: bool [bool];
    "7" what: String [string]; "8" date_format: i32 [int32]; "9" keep_up_to_date: bool [bool];
});
message!(/** A request for the earliest bar. */ HeadRequest {
    "1" id: i32 [int32]; "2" contract: Option<Contract> [message, optional]; "3" regular_hours: bool [bool];
    "4" what: String [string]; "5" date_format: i32 [int32];
});
message!(/** A request for an instrument's details. */ ContractRequest {
    "1" id: i32 [int32]; "2" contract: Option<Contract> [message, optional];
});
message!(/** A request for instruments of a name. */ SymbolsRequest { "1" id: i32 [int32]; "2" pattern: String [string]; });
message!(/** Only the id of a request: cancels and ends. */ Id { "1" id: Option<i32> [int32, optional]; });
message!(/** One text. */ Text { "1" text: String [string]; });
message!(/** An id and one text. */ IdText { "1" id: Option<i32> [int32, optional]; "2" text: Option<String> [string, optional]; });
message!(/** One bar. */ WireBar {
    "1" date: Option<String> [string, optional]; "2" open: Option<f64> [double, optional]; "3" high: Option<f64> [double, optional];
    "4" low: Option<f64> [double, optional]; "5" close: Option<f64> [double, optional]; "6" volume: Option<String> [string, optional];
    "7" average: Option<String> [string, optional]; "8" count: Option<i32> [int32, optional];
});
message!(/** Bars. */ Bars { "1" id: Option<i32> [int32, optional]; "2" bars: Vec<WireBar> [message, repeated]; });
message!(/** The end of bars. */ BarsEnd {
    "1" id: Option<i32> [int32, optional]; "2" start: Option<String> [string, optional]; "3" end: Option<String> [string, optional];
});
message!(/** One session. */ WireSession {
    "1" start: Option<String> [string, optional]; "2" end: Option<String> [string, optional]; "3" date: Option<String> [string, optional];
});
message!(/** A schedule. */ Schedule {
    "1" id: Option<i32> [int32, optional]; "2" start: Option<String> [string, optional]; "3" end: Option<String> [string, optional];
    "4" zone: Option<String> [string, optional]; "5" sessions: Vec<WireSession> [message, repeated];
});
message!(/** What is known of an instrument. */ Details {
    "1" market_name: Option<String> [string, optional]; "2" min_tick: Option<String> [string, optional];
    "4" valid_exchanges: Option<String> [string, optional]; "7" long_name: Option<String> [string, optional];
    "12" time_zone: Option<String> [string, optional];
});
message!(/** An instrument with its details. */ ContractData {
    "1" id: Option<i32> [int32, optional]; "2" contract: Option<Contract> [message, optional];
    "3" details: Option<Details> [message, optional];
});
message!(/** An instrument of a name. */ Sample { "1" contract: Option<Contract> [message, optional]; });
message!(/** Instruments of a name. */ Samples { "1" id: Option<i32> [int32, optional]; "2" samples: Vec<Sample> [message, repeated]; });
message!(/** An error or a notice. */ Notice {
    "1" id: Option<i32> [int32, optional]; "2" time: Option<i64> [int64, optional]; "3" code: Option<i32> [int32, optional];
    "4" text: Option<String> [string, optional];
});

/// A message as it goes over the wire.
pub fn frame(id: u32, message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let mut frame = Vec::with_capacity(body.len() + 8);
    frame.extend((body.len() as u32 + 4).to_be_bytes());
    frame.extend((id + PROTOBUF).to_be_bytes());
    frame.extend(body);
    frame
}

/// The next message of a client: its id, and its body.
///
/// # Errors
/// If the connection ends, or a length makes no sense.
pub fn read_frame(from: &mut impl Read) -> Result<(u32, Vec<u8>)> {
    let body = read_text(from)?;
    let id = body.first_chunk::<4>().map_or(0, |id| u32::from_be_bytes(*id));
    Ok((id.saturating_sub(PROTOBUF), body.get(4..).unwrap_or_default().to_vec()))
}

/// A frame without an id, as the handshake sends.
///
/// # Errors
/// As [`read_frame`].
pub fn read_text(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MAX_FRAME {
        return Err(std::io::Error::other("a frame of a senseless length"));
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    Ok(body)
}

/// The handshake: what the client can speak, and what will be spoken; `None` if they have no version in common.
///
/// # Errors
/// As [`read_frame`].
pub fn shake_hands(stream: &mut (impl Read + Write), newest: u32) -> Result<Option<u32>> {
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting)?;
    let offer = String::from_utf8_lossy(&read_text(stream)?).into_owned();
    let range = offer.trim_start_matches('v').split([' ', '\0']).next().unwrap_or_default();
    let (least, most) = range.split_once("..").unwrap_or((range, range));
    let (Ok(least), Ok(most)) = (least.parse::<u32>(), most.parse::<u32>()) else { return Ok(None) };
    let version = newest.min(most);
    if greeting != *b"API\0" || version < least || version < 213 {
        return Ok(None);
    }
    let reply = format!("{version}\0{}\0", "20261122 08:40:06 US/Eastern");
    stream.write_all(&(reply.len() as u32).to_be_bytes())?;
    stream.write_all(reply.as_bytes())?;
    Ok(Some(version))
}
