//! Parts that several pages use.

pub(crate) mod facts;
pub(crate) mod plot;
pub(crate) mod problem;
pub(crate) mod progress;
pub(crate) mod series_choice;
