//! What a user chooses.

use std::num::NonZeroU32;

use bars::{Aggregation, TimeRange};
use catalog::Profile;

use super::layout::By;

/// What is published, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How values are stored. What does not fit 18 digits is never compact.
    pub profile: Profile,
    /// How files are cut.
    pub by: By,
    /// Only series whose bar type contains one of these texts; all if empty.
    pub series: Vec<String>,
    /// Only bars with a `ts_init` in this range.
    pub range: TimeRange,
    /// Steps of the coarser copies; each divides a day.
    pub overviews: Vec<(NonZeroU32, Aggregation)>,
    /// Rows in a row group.
    pub row_group_rows: usize,
    /// ZSTD level.
    pub zstd_level: i32,
}

impl Default for Settings {
    fn default() -> Self {
        let step = |step: u32, aggregation| (NonZeroU32::new(step).unwrap_or(NonZeroU32::MIN), aggregation);
        Self {
            profile: Profile::Compact,
            by: By::Auto,
            series: Vec::new(),
            range: TimeRange::ALL,
            overviews: vec![
                step(5, Aggregation::Minute),
                step(1, Aggregation::Hour),
                step(1, Aggregation::Day),
            ],
            row_group_rows: 8192,
            zstd_level: 15,
        }
    }
}
