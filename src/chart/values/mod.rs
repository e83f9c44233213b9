//! The values that templates see: the user's over those of charts, for the subcharts that take part, and held against their schemas.

pub(in crate::chart) mod coalesce;
pub(in crate::chart) mod dependency;
pub(in crate::chart) mod error;
pub(in crate::chart) mod layers;
pub(in crate::chart) mod origin;
pub(in crate::chart) mod schema;
pub(in crate::chart) mod set;
