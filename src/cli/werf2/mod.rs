//! What werf 2 has on its command line, and what becomes of it here.
//!
//! A flag of werf 2 is obeyed, or has nothing to do here and is accepted ([`nothing`]), or is not supported yet and ends the command before it
//! does anything. The same holds for its variables ([`variables`]) and for commands ([`advice`]). Nothing of it is passed over in silence,
//! and nothing is taken for a slip of the pen.

pub mod advice;
pub mod names;
pub mod nothing;
pub mod variables;
