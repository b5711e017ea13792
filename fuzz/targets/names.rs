//! Names: of files that others wrote, of series, times and calendars; what is read prints as something that reads the same.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use bars::{BarSpec, BarType, Calendar, Decimal, InstrumentId, UnixNanos};
use catalog::{Sha256, names};
use libfuzzer_sys::fuzz_target;

fn round_trip<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert!(printed.parse::<T>().is_ok_and(|again| again == value), "{text:?} prints as {printed:?}");
    }
}

fuzz_target!(|text: &str| {
    round_trip::<BarType>(text);
    round_trip::<BarSpec>(text);
    round_trip::<InstrumentId>(text);
    round_trip::<UnixNanos>(text);
    round_trip::<Decimal>(text);
    round_trip::<Calendar>(text);
    round_trip::<Sha256>(text);
    let _ = (names::is_bar_file(text), names::content_of(text), names::old_directory(text));
    let _ = (names::file_name(text), names::url_path(text));
    if let Some((first, last)) = names::parse_file_name(text) {
        assert_eq!(names::parse_file_name(&names::nautilus_v1_file(first, last)), Some((first, last)));
    }
});
