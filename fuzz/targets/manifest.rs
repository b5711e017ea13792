//! Manifests: whatever bytes are stored is refused or read, and what is read is written and read back as it was.
#![no_main]

use bytes::Bytes;
use catalog::{Boundary, Head, SeriesManifest, Snapshot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: let_contained_panics_pass(), |bytes: &[u8]| {
    let _ = (Snapshot::decode("fuzz", bytes), Head::decode(bytes), Boundary::decode(bytes));
    if let Ok(manifest) = SeriesManifest::decode("fuzz", Bytes::copy_from_slice(bytes)) {
        let _ = manifest.present();
        if let Ok(again) = manifest.encode() {
            let read = SeriesManifest::decode("fuzz", Bytes::from(again)).expect("what was written can be read");
            assert_eq!(read.partitions, manifest.partitions);
        }
    }
    // Behind a checksum that fits.
    if let Ok(snapshot) = serde_json::from_slice::<Snapshot>(bytes) {
        let sealed = snapshot.encode();
        if let Ok(read) = Snapshot::decode("fuzz", &sealed) {
            assert_eq!(read, snapshot);
            let head = Head::of(snapshot, &sealed);
            assert_eq!(Head::decode(&head.encode()).expect("a head of a good snapshot"), head);
        }
    }
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
