//! `where`: any text is a condition or an error that points into the text.
#![no_main]

use catalog::Filter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Filter::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
