//! The binary; everything is in the library of the same name.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    barkeep::run_command_line().await
}
