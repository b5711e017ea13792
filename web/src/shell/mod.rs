//! What surrounds every page.

mod find;
mod footer;
mod header;
mod keys;
mod notices;
pub(crate) mod theme;

pub(crate) use footer::Footer;
pub(crate) use header::Header;
pub(crate) use keys::{KeyHelp, copy_link, listen_to_keys};
pub(crate) use notices::Notices;
