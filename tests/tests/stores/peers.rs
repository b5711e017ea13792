//! Servers that speak the clouds' languages, each on a port of its own and stopped when the test ends.
//!
//! `cargo xtask interop stores` installs them and names them in the environment; without it their tests say that they were skipped.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barkeep::store::{Settings, Store};
use tempfile::TempDir;

/// The bucket or container that every peer has.
pub(crate) const BUCKET: &str = "bars";

/// A server under test.
pub(crate) struct Peer {
    child: Child,
    /// Where it listens.
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The S3 of moto: the reference.
pub(crate) fn moto() -> Option<Peer> {
    let program = program("moto_server", "BARKEEP_MOTO", INTEROP)?;
    let peer = start(&program, |command, port, _| {
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    });
    put(peer.port, &format!("/{BUCKET}"));
    Some(peer)
}

/// Azure's own emulator.
pub(crate) fn azurite() -> Option<Peer> {
    let program = program("azurite-blob", "BARKEEP_AZURITE", INTEROP)?;
    let peer = start(&program, |command, port, folder| {
        command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location"]).arg(folder);
        command.args(["--blobPort", &port.to_string()]);
    });
    make_container(peer.port);
    Some(peer)
}

/// An S3 that ignores the condition of a conditional put.
pub(crate) fn s3rver() -> Option<Peer> {
    let program = program("s3rver", "BARKEEP_S3RVER", INTEROP)?;
    Some(start(&program, |command, port, folder| {
        command.args(["--silent", "-a", "127.0.0.1", "-p", &port.to_string(), "-d"]).arg(folder);
        command.args(["--configure-bucket", BUCKET]);
    }))
}

/// An S3 that checks the condition, but not in one step with the put.
pub(crate) fn s3s_fs() -> Option<Peer> {
    let program = program("s3s-fs", "BARKEEP_S3S_FS", "cargo install s3s-fs@0.14.1 --features binary")?;
    Some(start(&program, |command, port, folder| {
        std::fs::create_dir(folder.join(BUCKET)).expect("a folder for the bucket");
        command.args(["--access-key", "test", "--secret-key", "test", "--host", "127.0.0.1"]);
        command.args(["--port", &port.to_string()]).arg(folder);
    }))
}

/// A prefix of an S3 bucket at `port`; `more` are further variables.
pub(crate) fn s3(port: u16, prefix: &str, more: &[(&str, &str)]) -> Store {
    open(&format!("s3://{BUCKET}/{prefix}"), &s3_variables(port), more)
}

/// What makes object_store find an S3 at `port`.
pub(crate) fn s3_variables(port: u16) -> Vec<(String, String)> {
    // s3rver knows only its own name as key and secret; moto and s3s-fs are told or do not care.
    let key = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        key("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}")),
        key("AWS_ALLOW_HTTP", "true"),
        key("AWS_ACCESS_KEY_ID", "test"),
        key("AWS_SECRET_ACCESS_KEY", "test"),
        key("AWS_REGION", "us-east-1"),
    ]
}

/// Azurite's account; its key is the same everywhere and published.
const ACCOUNT: &str = "devstoreaccount1";
const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A prefix of an Azure container at `port`.
pub(crate) fn azure(port: u16, prefix: &str, more: &[(&str, &str)]) -> Store {
    azure_in(port, &format!("az://{BUCKET}/{prefix}"), more)
}

/// Any address of Azure at `port`.
pub(crate) fn azure_in(port: u16, location: &str, more: &[(&str, &str)]) -> Store {
    let variables = [
        ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
        ("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY.to_owned()),
        ("AZURE_STORAGE_ENDPOINT", format!("http://127.0.0.1:{port}/{ACCOUNT}")),
        ("AZURE_ALLOW_HTTP", "true".to_owned()),
    ];
    let variables: Vec<_> = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    open(location, &variables, more)
}

/// A prefix of a GCS bucket at `port`.
pub(crate) fn gcs(port: u16, prefix: &str, more: &[(&str, &str)]) -> Store {
    let address = format!("http://127.0.0.1:{port}");
    // An account that logs in nowhere, as emulators have it.
    let account = format!(
        r#"{{"gcs_base_url":"{address}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#
    );
    let variables = [
        ("GOOGLE_BASE_URL".to_owned(), address),
        ("GOOGLE_ALLOW_HTTP".to_owned(), "true".to_owned()),
        ("GOOGLE_SERVICE_ACCOUNT_KEY".to_owned(), account),
    ];
    open(&format!("gs://{BUCKET}/{prefix}"), &variables, more)
}

fn open(location: &str, variables: &[(String, String)], more: &[(&str, &str)]) -> Store {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings = Settings::new(variables.iter().cloned().chain(more));
    Store::open_or_make_with(location, &settings).expect("the peer's address can be opened")
}

/// What brings most peers.
const INTEROP: &str = "cargo xtask interop stores";

/// The executable: named by the variable or found on the path.
fn program(name: &str, variable: &str, how: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        assert!(Path::new(&path).is_file(), "{variable} names no file");
        return Some(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("SKIPPED: there is no `{name}`; `{how}` brings it, or {variable} names it");
    }
    found
}

fn start(program: &Path, arguments: impl FnOnce(&mut Command, u16, &Path)) -> Peer {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let port = free_port();
    let mut command = Command::new(program);
    arguments(&mut command, port, folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
    let mut peer = Peer { child, port, _folder: folder };
    wait_for(&mut peer.child, port, &program.display().to_string());
    peer
}

/// Waits until a child listens.
pub(crate) fn wait_for(child: &mut Child, port: u16, name: &str) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Ok(Some(status)) = child.try_wait() {
            panic!("{name} ended at once: {status}");
        }
        assert!(start.elapsed() < Duration::from_secs(90), "{name} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it has an address").port()
}

/// An unsigned `PUT` without a body, as moto takes it to make a bucket.
fn put(port: u16, path: &str) {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the peer listens");
    let request =
        format!("PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the peer takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the peer answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Makes the container with a signed request. Azurite runs in node, which can sign it, so this house needs no crate for that.
fn make_container(port: u16) {
    const SCRIPT: &str = r#"
        const [port, account, key, container] = process.argv.slice(1);
        const date = new Date().toUTCString(), version = "2021-08-06";
        const resource = `/${account}/${account}/${container}\nrestype:container`;
        const text = `PUT${"\n".repeat(12)}x-ms-date:${date}\nx-ms-version:${version}\n${resource}`;
        const hmac = require("crypto").createHmac("sha256", Buffer.from(key, "base64"));
        const headers = { "x-ms-date": date, "x-ms-version": version, "content-length": 0,
                          authorization: `SharedKey ${account}:${hmac.update(text).digest("base64")}` };
        const options = { host: "127.0.0.1", port, method: "PUT", headers, path: `/${account}/${container}?restype=container` };
        require("http").request(options, answer => process.exit(answer.statusCode === 201 ? 0 : 1)).end();
    "#;
    let status = Command::new("node")
        .args(["-e", SCRIPT, &port.to_string(), ACCOUNT, ACCOUNT_KEY, BUCKET])
        .status()
        .expect("node can be started");
    assert!(status.success(), "Azurite made no container");
}
