//! The instruments of a migration: written in the current format where their class is known, kept as they are in the manifest.

use catalog::{Error, ErrorKind, Instrument, InstrumentChange, Result, encode_instrument, read_instruments};

use super::{Migration, is_of_file, remark};
use crate::commit::{Run, commit_with};
use crate::foreign::{Listing, read_instrument_file};
use crate::store::Store;

/// Writes instruments in the current format and commits them, all at once.
pub(super) async fn migrate_instruments(
    source: &Store,
    target: &Store,
    listing: &Listing,
    run: &Run,
    migration: &mut Migration,
) -> Result<()> {
    let mut change = InstrumentChange::default();
    for key in listing.instruments.keys() {
        run.check()?;
        let found = match read_instrument_file(source, key).await {
            Ok(found) => found,
            Err(error) if is_of_file(&error) => {
                migration.refused.push(remark(key, &error));
                continue;
            }
            Err(error) => return Err(error),
        };
        for mut instrument in found {
            instrument.file = None;
            match encode_instrument(&instrument) {
                Ok(Some((object, bytes))) => {
                    refuse_other_fields(&instrument, read_instruments(&object.key, bytes.clone())?)?;
                    if !run.dry_run {
                        target.create(&object.key, bytes).await?;
                    }
                    instrument.file = Some(object);
                    migration.instruments += 1;
                }
                Ok(None) => {
                    migration.instruments_kept.push(format!("{} ({})", instrument.id, instrument.class))
                }
                Err(error) => {
                    migration.refused.push(remark(key, &error));
                    continue;
                }
            }
            change.add.push(instrument);
        }
    }
    let run = Run { operation: format!("migrate instruments of {}", source.location()), ..run.clone() };
    commit_with(target, &[], &change, &run).await.map(|_| ())
}

/// What was written must say what the source says, field by field.
fn refuse_other_fields(instrument: &Instrument, written: Vec<Instrument>) -> Result<()> {
    let no_field = serde_json::Value::Null;
    for (name, value) in written.iter().flat_map(|written| &written.fields) {
        let wanted = instrument.fields.get(name).unwrap_or(&no_field);
        if wanted != value && !wanted.is_null() {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("`{name}` of {} was not written as it is", instrument.id),
            )
            .because(format!("it is {wanted} and was written as {value}")));
        }
    }
    Ok(())
}
