//! The binary on a bucket: a catalog is made, listed, queried and served there as on a disk.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::peers;

const SERIES: &str = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn barkeep(port: u16, words: &str) -> Command {
    let mut command = Command::new(tests::binary());
    command.envs(peers::s3_variables(port)).env("BARKEEP_CATALOG", format!("s3://{}/served", peers::BUCKET));
    command.args(words.split_whitespace());
    command
}

fn said(port: u16, words: &str) -> String {
    let output = barkeep(port, words).output().expect("barkeep can be started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words}: {err}");
    out.into_owned()
}

/// Status, headers in lower case, and body.
fn ask(port: u16, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("barkeep listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    (head[9..12].parse().expect("a status"), head, answer[end + 4..].to_vec())
}

/// The names of a manifest's objects end with the commit that put them, which is another one in every catalog.
fn without_commits(text: &str) -> String {
    let is_commit = |part: &str| part.get(8..).is_some_and(|rest| rest.starts_with(".parquet"));
    text.split('_').map(|part| if is_commit(part) { &part[8..] } else { part }).collect::<Vec<_>>().join("_")
}

#[test]
fn a_bucket_serves_as_a_directory_does() {
    let Some(peer) = peers::moto() else { return };
    let place = tests::Place::new();
    place.demo();
    said(peer.port, "demo --no-serve --catalog s3://bars/served");
    for words in
        ["list --format json", &format!("query {SERIES} --start 2026-08-17 --end 2026-08-18 --format csv")]
    {
        assert_eq!(
            without_commits(&said(peer.port, words)),
            without_commits(&place.barkeep(words).out),
            "{words}"
        );
    }
    let port = peers::free_port();
    let mut command = barkeep(peer.port, &format!("serve --port {port}"));
    let mut server = Server(command.stdout(Stdio::null()).spawn().expect("barkeep can be started"));
    peers::wait_for(&mut server.0, port, "barkeep serve");

    let file = std::fs::read_dir(place.catalog().join("data/bars")).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(file).unwrap().next().unwrap().unwrap().path();
    let path = format!("/catalog/{}", file.strip_prefix(place.catalog()).unwrap().display());
    let bytes = std::fs::read(&file).unwrap();
    let (status, head, body) = ask(port, &path, "");
    assert_eq!((status, body.as_slice()), (200, bytes.as_slice()));
    assert!(head.contains("immutable"), "{head}");
    let (status, head, body) = ask(port, &path, "Range: bytes=100-199\r\n");
    assert_eq!((status, body.as_slice()), (206, &bytes[100..200]));
    assert!(head.contains(&format!("content-range: bytes 100-199/{}", bytes.len())), "{head}");
    assert_eq!(ask(port, "/catalog/data/bars/none/none.parquet", "").0, 404);

    let (status, head, body) = ask(port, "/catalog/manifest/head.json", "");
    assert_eq!(status, 200);
    serde_json::from_slice::<serde_json::Value>(&body).expect("the head is whole");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("the head has a tag");
    assert_eq!(ask(port, "/catalog/manifest/head.json", &format!("If-None-Match: {etag}\r\n")).0, 304);

    // The same over the web, which can only be read.
    let web = format!("--catalog http://127.0.0.1:{port}/catalog/");
    for words in
        ["list --format json", &format!("query {SERIES} --start 2026-08-17 --end 2026-08-18 --format csv")]
    {
        let served = said(peer.port, &format!("{web} {words}"));
        assert_eq!(without_commits(&served), without_commits(&place.barkeep(words).out), "{words}");
    }
    let refused =
        barkeep(peer.port, &format!("{web} demo --no-serve")).output().expect("barkeep can be started");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("can only be read"), "{refused:?}");
}
