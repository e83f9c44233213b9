//! What a CI system says of its job, said to werf: variables in, a text that shells read out. PURE.
//!
//! Which variables there are, their order and how the text looks are werf 2's; what the values hold can never become a command.

pub mod job;
pub mod script;

mod quote;

pub use job::{Environment, Job, Login, System};
pub use script::{Format, Script};
