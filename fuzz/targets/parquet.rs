//! Parquet files of strangers, which no checksum guards: refused or read, within a bounded memory.
#![no_main]

use bytes::Bytes;
use catalog::{examine, peek};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: let_contained_panics_pass(), |bytes: &[u8]| {
    let key = "data/bars/X.SIM-1-MINUTE-LAST-EXTERNAL/part-0.parquet";
    let file = Bytes::copy_from_slice(bytes);
    let _ = peek(key, &file);
    let _ = catalog::read_instruments(key, file.clone());
    let _ = examine(key, &file);
});

/// The fuzzer takes every panic for a failure, also one that the catalog answers with an error.
fn let_contained_panics_pass() {
    let fail = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !catalog::is_contained() {
            fail(panic);
        }
    }));
}
