//! Templates are executed: what they see, which functions they have beside the language's own, what they write.

pub(in crate::chart) mod capabilities;
pub(in crate::chart) mod context;
pub(in crate::chart) mod execute;
pub(in crate::chart) mod functions;
pub(in crate::chart) mod input;
pub(in crate::chart) mod output;
pub(in crate::chart) mod service;
pub(in crate::chart) mod side_by_side;
