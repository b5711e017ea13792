//! The instruments of a copy: those of the series it shows, in its manifest and as files that NautilusTrader reads.

use std::collections::BTreeSet;

use ::catalog::{InstrumentChange, Instruments, Result, Snapshot, encode_instrument};

use crate::catalog::{Catalog, read_instruments};
use crate::store::Store;

/// The copy's instruments, if they are others than its newest snapshot names; their files are there then.
///
/// # Errors
/// If those of the source or of the copy cannot be read, or a file cannot be written.
pub(super) async fn carry(
    source: &Catalog,
    target: &Store,
    base: Option<&Snapshot>,
    ids: &BTreeSet<String>,
) -> Result<Option<Instruments>> {
    let known = match base {
        Some(snapshot) => read_instruments(target, snapshot).await?,
        None => Instruments::default(),
    };
    let mut change = InstrumentChange::default();
    for instrument in read_instruments(source.store(), source.snapshot()).await?.iter() {
        if !ids.contains(&instrument.id) {
            continue;
        }
        let mut instrument = instrument.clone();
        // A class without a schema here keeps its fields in the manifest only.
        let encoded = encode_instrument(&instrument)?;
        if let Some((object, bytes)) = &encoded {
            target.create(&object.key, bytes.clone()).await?;
        }
        instrument.file = encoded.map(|(object, _)| object);
        change.add.push(instrument);
    }
    Ok(known.changed(&change))
}
