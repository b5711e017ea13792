//! `barkeep serve` and `barkeep demo`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ::catalog::{Error, ErrorKind, Result};
use clap::Args;

use crate::catalog::Catalog;
use crate::output::{count_text, say};
use crate::store::Store;
use crate::{demo, http};

/// Arguments of `serve`.
#[derive(Args, Debug)]
#[command(
    after_help = "Pages are at `/`, the catalog at `/catalog/`. Only this machine can connect unless --host says otherwise.\n\nExample:\n  barkeep --catalog ./catalog serve --port 4173"
)]
pub struct ServeArgs {
    #[command(flatten)]
    listen: ListenArgs,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
#[command(
    after_help = "The catalog (default ./demo-catalog) gets 20,160 real one-minute BTC/USD bars and a synthetic equity with a holiday and a hole.\n\nExample:\n  barkeep demo --port 4173"
)]
pub struct DemoArgs {
    #[command(flatten)]
    listen: ListenArgs,
    /// Write the catalog and stop
    #[arg(long)]
    no_serve: bool,
}

#[derive(Args, Clone, Debug)]
struct ListenArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4173)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    host: IpAddr,
    /// Serve these pages instead of the built-in ones
    #[arg(long, value_name = "DIRECTORY")]
    pages: Option<PathBuf>,
}

/// Serves until it is stopped.
///
/// # Errors
/// [`ErrorKind::SourceUnavailable`] if the address cannot be listened on.
pub async fn serve(catalog: Catalog, args: ServeArgs) -> Result<()> {
    listen(catalog, args.listen).await
}

/// Writes the demo catalog, unless it is there, and serves it.
///
/// # Errors
/// If it cannot be written, or as [`serve`].
pub async fn demo(location: &str, args: DemoArgs) -> Result<()> {
    let store = Store::open_or_make(location)?;
    demo::write(&store).await?;
    let catalog = Catalog::open(store).await?;
    let rows: u64 = catalog.series().iter().map(|entry| entry.rows).sum();
    say!("demo catalog in {location}: {} series, {} bars", catalog.series().len(), count_text(rows));
    if args.no_serve { Ok(()) } else { listen(catalog, args.listen).await }
}

async fn listen(catalog: Catalog, args: ListenArgs) -> Result<()> {
    let address = SocketAddr::new(args.host, args.port);
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        Error::new(ErrorKind::SourceUnavailable, format!("could not listen on {address}"))
            .because(error)
            .then("choose another port, such as `--port 4180`, or `--port 0` for any that is free")
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| Error::new(ErrorKind::Internal, "the listener has no address").because(error))?;
    say!("serving {} at http://{address}/  (Ctrl-C stops)", catalog.store().location());
    let app = http::app(catalog.store().clone(), args.pages);
    let served = axum::serve(listener, app).with_graceful_shutdown(async {
        // Without a signal handler the process ends at once, which harms nothing.
        let _ = tokio::signal::ctrl_c().await;
    });
    served.await.map_err(|error| Error::new(ErrorKind::Internal, "the server stopped").because(error))
}
