//! Text files of strangers: every one is understood, refused, or a question to its owner.
#![no_main]

use std::cell::RefCell;
use std::io::{Seek, Write};

use barkeep::bar_files::{ImportOptions, Naming, survey};
use barkeep::commit::Run;
use libfuzzer_sys::fuzz_target;
use tempfile::NamedTempFile;

thread_local!(static FILE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().expect("a temporary file")));

fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow_mut(|file| {
        file.as_file().set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(bytes)).expect("written");
        let instrument = "BTC/USD.SIM".parse().expect("an instrument");
        let spec = "1-MINUTE-LAST".parse().expect("a bar's size");
        let mut options = ImportOptions::new(vec![file.path().to_string_lossy().into_owned()], Naming::One(instrument), spec);
        options.max_unpacked_bytes = 1 << 22;
        let _ = survey(&options, &Run::new("import"));
    });
});
