//! A proxy in front of a peer that lets a network go wrong at a chosen request.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It is carried out, and the answer says 503.
    ErrorAfter,
    /// It is carried out, and the connection closes without an answer.
    DropAfter,
    /// It is carried out, and no answer comes.
    StallAfter,
    /// It is carried out, and the answer ends half-way.
    Truncate,
    /// It is not carried out, and the connection closes.
    DropBefore,
    /// It is not carried out; the answer says 409, as S3 does to one of two writers at once.
    Conflict,
    /// It is not carried out; the answer says 429.
    TooMany,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::ErrorAfter,
        Self::DropAfter,
        Self::StallAfter,
        Self::Truncate,
        Self::DropBefore,
        Self::Conflict,
        Self::TooMany,
    ];
}

/// What is to go wrong: requests are counted from the last [`Proxy::plan`] on.
#[derive(Clone, Copy, Default)]
struct Plan {
    fault: Option<Fault>,
    first: usize,
    count: usize,
}

/// A proxy; it ends with the test's runtime.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    plan: Mutex<Plan>,
    seen: AtomicUsize,
    injected: AtomicUsize,
}

impl Proxy {
    /// Starts one in front of a peer's port.
    pub(crate) async fn start(peer: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = shared.clone();
                // A broken connection is what this is for.
                tokio::spawn(async move { serve(client, peer, &state).await.ok() });
            }
        });
        Self { port, state }
    }

    /// Lets `count` requests fail from the `first` on, counted from now; returns how many there were since the last plan.
    pub(crate) fn plan(&self, fault: Option<Fault>, first: usize, count: usize) -> usize {
        *self.state.plan.lock().unwrap() = Plan { fault, first, count };
        self.state.seen.swap(0, Ordering::SeqCst)
    }

    /// Faults that happened since the start.
    pub(crate) fn injected(&self) -> usize {
        self.state.injected.load(Ordering::SeqCst)
    }
}

/// One request, one answer, and the connection ends.
async fn serve(mut client: TcpStream, peer: u16, state: &State) -> std::io::Result<()> {
    let Some(request) = read_request(&mut client).await? else { return Ok(()) };
    let number = state.seen.fetch_add(1, Ordering::SeqCst);
    let plan = *state.plan.lock().unwrap();
    let fault = plan.fault.filter(|_| (plan.first..plan.first + plan.count).contains(&number));
    if fault.is_some() {
        state.injected.fetch_add(1, Ordering::SeqCst);
    }
    match fault {
        Some(Fault::DropBefore) => return Ok(()),
        Some(Fault::Conflict) => return client.write_all(&refusal("409 Conflict")).await,
        Some(Fault::TooMany) => return client.write_all(&refusal("429 Too Many Requests")).await,
        _ => {}
    }
    let mut server = TcpStream::connect(("127.0.0.1", peer)).await?;
    server.write_all(&request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    match fault {
        Some(Fault::ErrorAfter) => client.write_all(&refusal("503 Slow Down")).await,
        Some(Fault::DropAfter) => Ok(()),
        Some(Fault::StallAfter) => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Ok(())
        }
        Some(Fault::Truncate) => client.write_all(&answer[..answer.len() / 2]).await,
        _ => client.write_all(&answer).await,
    }
}

fn refusal(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

/// A whole request, asking the peer to close the connection after its answer.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 64 << 10]);
    loop {
        let read = client.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        assert_eq!(header("transfer-encoding:"), None, "object_store sends bodies of known length");
        let length: usize = header("content-length:").map_or(0, |text| text.parse().expect("a length"));
        if bytes.len() >= end + 4 + length {
            let (line, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
            let kept = rest.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
            let kept: Vec<&str> = kept.collect();
            let head = format!("{line}\r\n{}\r\nConnection: close\r\n\r\n", kept.join("\r\n"));
            return Ok(Some([head.as_bytes(), &bytes[end + 4..]].concat()));
        }
    }
}
