//! `[ibkr]` and `[[watch]]` of `barkeep.toml`. Other parts of the file are other rooms' business and are passed over.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bars::{BarSpec, BarType, InstrumentId, Source as BarSource, UnixNanos};
use catalog::{Error, ErrorKind, Result};
use serde::Deserialize;

use super::{Limits, SharedLedger};

/// How the gateway is reached and how hard it is asked.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct IbkrSettings {
    /// Host and port: 4001 and 4002 for IB Gateway (live, paper), 7496 and 7497 for TWS.
    pub gateway: String,
    /// A number that no other program uses with this gateway.
    pub client_id: i32,
    /// Seconds for a connection, handshake and all.
    pub connect_timeout_secs: u64,
    /// Seconds for the answer to a request.
    pub request_timeout_secs: u64,
    /// Seconds that a command goes on trying while the gateway is down, restarts or is cut off.
    pub patience_secs: u64,
    /// Bars that end less than so many seconds ago are not fetched yet.
    pub grace_secs: u64,
    /// What volumes count: `shares`, or `lots` if the gateway is set to "market data in lots".
    pub volume: String,
    /// The file that the pacing ledger is kept in.
    pub ledger: Option<PathBuf>,
    /// How much faster the gateway's clock runs; only for the simulator.
    pub clock_speed: u32,
}

impl Default for IbkrSettings {
    fn default() -> Self {
        Self {
            gateway: "127.0.0.1:4002".into(),
            client_id: 77,
            connect_timeout_secs: 15,
            request_timeout_secs: 120,
            patience_secs: 1_200,
            grace_secs: 60,
            volume: "shares".into(),
            ledger: None,
            clock_speed: 1,
        }
    }
}

impl IbkrSettings {
    /// The deadline of a connection.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_secs.max(1))
    }

    /// The deadline of an answer.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_secs.max(1))
    }

    /// The ledger: one a gateway and machine, wherever the catalogs are.
    pub fn shared_ledger(&self) -> SharedLedger {
        let name: String =
            self.gateway.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path =
            self.ledger.clone().unwrap_or_else(|| state_directory().join(format!("ibkr-{name}.jsonl")));
        SharedLedger::new(path, Limits::default(), self.clock_speed)
    }
}

fn state_directory() -> PathBuf {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from);
    of("XDG_STATE_HOME")
        .or_else(|| of("HOME").map(|home| home.join(".local/state")))
        .or_else(|| of("LOCALAPPDATA"))
        .unwrap_or_else(std::env::temp_dir)
        .join("barkeep")
}

/// What `barkeep sync` keeps up to date: instruments times bar sizes.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Such as `AAPL.NASDAQ`.
    pub instruments: Vec<InstrumentId>,
    /// Such as `1-MINUTE` or `1-DAY-MID`.
    pub bars: Vec<BarSpec>,
    /// From when on; the earliest that IBKR has, if it is not given.
    #[serde(default)]
    pub since: Option<UnixNanos>,
    /// `regular` (the default) or `all`.
    #[serde(default)]
    pub hours: Hours,
}

/// Which hours' bars are fetched.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// Regular trading hours.
    #[default]
    Regular,
    /// Before and after them too.
    All,
}

impl Watch {
    /// The series it means.
    pub fn series(&self) -> impl Iterator<Item = BarType> + '_ {
        self.instruments.iter().flat_map(|instrument| {
            self.bars.iter().map(|spec| BarType {
                instrument: instrument.clone(),
                spec: *spec,
                source: BarSource::External,
                composite: None,
            })
        })
    }
}

/// The parts of `barkeep.toml` that are about IBKR.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct WatchFile {
    /// The gateway.
    pub ibkr: IbkrSettings,
    /// The watch list.
    pub watch: Vec<Watch>,
}

impl WatchFile {
    /// Reads a file; one that is not there says nothing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`], with line and reason.
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => {
                Err(Error::new(ErrorKind::InvalidInput, format!("`{}` cannot be read", path.display()))
                    .because(error))
            }
        }
    }

    /// Reads the file's text; `name` is for errors.
    ///
    /// # Errors
    /// As [`WatchFile::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let file: Self = toml::from_str(text).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("`{name}` makes no sense"))
                .because(error.to_string().trim())
                .then("compare it with the example in docs/ibkr.md")
        })?;
        if !["shares", "lots"].contains(&file.ibkr.volume.as_str()) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("`{name}`: `volume` is `{}`", file.ibkr.volume),
            )
            .then("write `volume = \"shares\"` or `volume = \"lots\"`"));
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file() -> Result<()> {
        let text = r#"
            [server]
            port = 4173
            [ibkr]
            gateway = "10.0.0.5:4001"
            [[watch]]
            instruments = ["AAPL.NASDAQ", "MSFT.NASDAQ"]
            bars = ["1-MINUTE", "1-DAY"]
            since = "2024-01-01"
        "#;
        let file = WatchFile::parse(text, "barkeep.toml")?;
        assert_eq!((file.ibkr.gateway.as_str(), file.ibkr.client_id), ("10.0.0.5:4001", 77));
        let series: Vec<String> = file.watch[0].series().map(|series| series.to_string()).collect();
        assert_eq!(series[1], "AAPL.NASDAQ-1-DAY-LAST-EXTERNAL");
        assert_eq!(series.len(), 4);
        for wrong in ["[ibkr]\ngatewya = 'x'", "[ibkr]\nvolume = 'pounds'", "[[watch]]\nbars = ['1-MINUTE']"]
        {
            assert!(WatchFile::parse(wrong, "x").is_err(), "{wrong}");
        }
        Ok(())
    }
}
