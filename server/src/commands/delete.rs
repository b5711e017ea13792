//! `barkeep delete`.

use bars::{BarType, TimeRange};
use catalog::{Change, Error, ErrorKind, Result};
use clap::Args;

use super::RangeArgs;
use super::change::{ChangeArgs, change};
use crate::store::Store;

/// Arguments of `delete`.
#[derive(Args, Debug)]
#[command(
    after_help = "Files that lie in the range as a whole are retired, files that reach over its ends are split. Retired files stay readable at older\nsnapshots (`barkeep --snapshot N query …`, `barkeep snapshots roll-back N`) until `barkeep vacuum` removes them.\n\nExample:\n  barkeep delete ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --start 2026-09-01 --end 2026-09-02 --dry-run"
)]
pub struct DeleteArgs {
    /// The series
    #[arg(value_name = "BAR_TYPE")]
    bar_type: BarType,
    #[command(flatten)]
    range: RangeArgs,
    /// Delete the whole series
    #[arg(long, conflicts_with_all = ["start", "end"])]
    all: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Deletes bars.
///
/// # Errors
/// If there is no such series, or the range is not stated.
pub async fn run(store: &Store, args: DeleteArgs) -> Result<()> {
    let range = if args.all { TimeRange::ALL } else { args.range.range()? };
    if !args.all && range == TimeRange::ALL {
        return Err(Error::new(ErrorKind::InvalidInput, "what is to be deleted is not stated")
            .then("give a range of closes: `--start TIME`, `--end TIME` or both")
            .then("or delete the whole series: `--all`"));
    }
    let operation = format!("delete {} {range}", args.bar_type);
    let deletion = Change::Delete { bar_type: args.bar_type, range };
    change(store, &[deletion], operation, &args.change).await
}
