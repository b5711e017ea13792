//! What the pages know, apart from how it is drawn: pure, so tested natively.

pub(crate) mod bar_size;
pub(crate) mod fragment;
pub(crate) mod number;
pub(crate) mod query_text;
pub(crate) mod sheet;
pub(crate) mod spec_text;
pub(crate) mod strategy_text;
pub(crate) mod time;
pub(crate) mod window;
