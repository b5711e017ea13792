//! Bars from the files people have: text in any layout, packed or not, Parquet and Arrow.
//!
//! Every row is checked: numbers exact, stamps on the bar's grid and strictly ascending, low ≤ open, close ≤ high, volume ≥ 0. A bad
//! row is reported with its line and its reason. Nothing is guessed silently: what was assumed is said, and what only the owner of a
//! file can know is asked for by an error that lists the choices.
//!
//! In reading order: [`options`](ImportOptions) what a caller says, `input` files found and unpacked, `sample`, `places`, `layout` and
//! [`PRESETS`] how text is laid out, `numbers`, `times`, `cursor` and `zone` fields, `rows`, `columnar` and `typed` rows, `check` and `fault` rows against each other, [`survey()`] the
//! first pass, [`commit_survey`] the second.

mod arrow_file;
mod check;
mod columnar;
mod cursor;
mod fault;
mod input;
mod layout;
mod load;
mod numbers;
mod options;
mod places;
mod presets;
mod rows;
mod sample;
mod survey;
#[cfg(test)]
mod tests;
mod times;
mod typed;
mod zone;

pub use check::SeriesFound;
pub use fault::{BadRow, BadRows, FaultKind, Rejects};
pub use load::{Imported, blocking, commit_survey, import, tally_text};
pub use options::{
    CHUNK_ROWS, Field, ImportOptions, LayoutChoice, MAX_UNPACKED_BYTES, Naming, NumberChoice, OnInvalid,
    PresetChoice, Stamp,
};
pub use presets::{PRESETS, Preset, PresetZone};
pub use survey::{Survey, span, survey};
pub use times::TimeFormat;
