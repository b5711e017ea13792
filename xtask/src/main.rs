//! The developer's one door: set up, build, demo, test, bench.
//!
//! Every command works from any folder of the repository. What a command needs of the machine stands in [`setup`], what it
//! makes in [`pages`]; everything else only puts those in order.

mod bench;
mod campaign;
mod demo;
mod house;
mod interop;
mod pages;
mod setup;
mod sizes;
mod stamp;
mod stores;
mod test;
mod walls;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use house::House;

const USAGE: &str = "\
The one door of a developer. First steps: `cargo xtask demo`, then `cargo xtask test`.

Usage: cargo xtask <command> [options]

  demo    set up what is missing, build all, write the demo catalog, serve it with the page
            --port N        port to listen on (default 4173)
            --catalog DIR   where the demo catalog is written (default target/demo-catalog)
  test    everything that CI runs: format, walls, clippy, docs, tests, sizes, the page in a browser
  build   engine (wasm), page (wasm) and server (with the page inside), all in release
  setup   only check what this machine lacks, and install it
  interop the peers (NautilusTrader, DuckDB, Polars, pyarrow) read what Barkeep writes, and it what they write
  bench   the benchmarks, natively and, where there are any, in a browser
  bench catalog    the catalog beside NautilusTrader's own, pyarrow and DuckDB on the same bars, as ratios
  campaign         the fault campaign in full: crashes, seeds, kills, races, damage (hours)
  walls   only prove that no room sees a crate that it must not see
  sizes   only weigh the built page and engine against their budgets

  interop stores   the stores' contract against moto (S3), Azurite (Azure) and a store that must be refused

  --no-setup   for demo, test, build and bench: install nothing, take the machine as it is
  --help       this text

Environment:
  CARGO_TARGET_DIR   where cargo builds; by default `barkeep/target` in the user's cache folder, so
                     that a fresh clone need not build everything again
";

/// What was asked for.
#[derive(Debug, PartialEq)]
enum Task {
    Help,
    Setup,
    Build { setup: bool },
    Demo { setup: bool, options: demo::Options },
    Test { setup: bool },
    Bench { setup: bool },
    Interop,
    Walls,
    Sizes,
    InteropStores,
    BenchCatalog,
    Campaign,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = match parse(&arguments) {
        Ok(task) => task,
        Err(error) => {
            eprintln!("error: {error:#}; `cargo xtask --help` lists what there is");
            return ExitCode::from(2);
        }
    };
    match carry_out(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Task> {
    let Some((command, rest)) = arguments.split_first() else { return Ok(Task::Help) };
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") || command == "help" {
        return Ok(Task::Help);
    }
    if command == "interop" && rest == ["stores"] {
        return Ok(Task::InteropStores);
    }
    if command == "bench" && rest == ["catalog"] {
        return Ok(Task::BenchCatalog);
    }
    let takes_no_setup = ["demo", "test", "build", "bench"].contains(&command.as_str());
    let (mut setup, mut options) = (true, demo::Options::default());
    let mut rest = rest.iter();
    while let Some(argument) = rest.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (argument.as_str(), None),
        };
        let mut value = || inline.clone().or_else(|| rest.next().cloned());
        match (command.as_str(), name) {
            (_, "--no-setup") if takes_no_setup => setup = false,
            ("demo", "--port") => {
                let port = value().context("`--port` needs a number")?;
                options.port = port.parse().with_context(|| format!("`{port}` is no port"))?;
            }
            ("demo", "--catalog") => {
                options.catalog = Some(PathBuf::from(value().context("`--catalog` needs a folder")?));
            }
            _ => bail!("`{command}` does not take `{argument}`"),
        }
    }
    Ok(match command.as_str() {
        "setup" => Task::Setup,
        "build" => Task::Build { setup },
        "demo" => Task::Demo { setup, options },
        "test" => Task::Test { setup },
        "bench" => Task::Bench { setup },
        "interop" => Task::Interop,
        "campaign" => Task::Campaign,
        "walls" => Task::Walls,
        "sizes" => Task::Sizes,
        unknown => bail!("there is no command `{unknown}`"),
    })
}

fn carry_out(task: Task) -> Result<()> {
    use setup::Purpose;

    let house = House::find()?;
    house.take_over()?;
    let prepare = |wanted: bool, purpose: Purpose| match wanted {
        true => setup::run_setup(&house, purpose),
        false => Ok(()),
    };
    match task {
        Task::Help => print!("{USAGE}"),
        Task::Setup => setup::run_setup(&house, Purpose::Test)?,
        Task::Build { setup } => {
            prepare(setup, Purpose::Build)?;
            pages::build(&house)?;
        }
        Task::Demo { setup, options } => {
            prepare(setup, Purpose::Build)?;
            pages::build(&house)?;
            demo::run(&house, &options)?;
        }
        Task::Test { setup } => {
            prepare(setup, Purpose::Test)?;
            test::run_all(&house)?;
        }
        Task::Bench { setup } => {
            prepare(setup, Purpose::Test)?;
            bench::run_all(&house)?;
        }
        Task::Interop => interop::run_all(&house)?,
        Task::BenchCatalog => bench::run_catalog(&house)?,
        Task::Campaign => campaign::run_all(&house)?,
        Task::Walls => walls::check(&house)?,
        Task::Sizes => sizes::check(&house)?,
        Task::InteropStores => stores::run_all(&house)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> std::result::Result<Task, String> {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        parse(&arguments).map_err(|error| error.to_string())
    }

    fn demo(setup: bool, port: u16, catalog: Option<&str>) -> std::result::Result<Task, String> {
        Ok(Task::Demo { setup, options: demo::Options { port, catalog: catalog.map(PathBuf::from) } })
    }

    #[test]
    fn arguments() {
        let cases = [
            ("", Ok(Task::Help)),
            ("help", Ok(Task::Help)),
            ("demo --port x --help", Ok(Task::Help)),
            ("setup", Ok(Task::Setup)),
            ("build --no-setup", Ok(Task::Build { setup: false })),
            ("test", Ok(Task::Test { setup: true })),
            ("demo", demo(true, 4173, None)),
            ("demo --port 8080 --no-setup", demo(false, 8080, None)),
            ("demo --port=8080 --catalog some/where", demo(true, 8080, Some("some/where"))),
            ("demo --catalog=a=b", demo(true, 4173, Some("a=b"))),
            ("demo --port", Err("`--port` needs a number".into())),
            ("demo --port 99999", Err("`99999` is no port".into())),
            ("walls --no-setup", Err("`walls` does not take `--no-setup`".into())),
            ("test --port 1", Err("`test` does not take `--port`".into())),
            ("interop stores", Ok(Task::InteropStores)),
            ("bench catalog", Ok(Task::BenchCatalog)),
            ("campaign", Ok(Task::Campaign)),
            ("tset", Err("there is no command `tset`".into())),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line), expected, "cargo xtask {line}");
        }
    }
}
